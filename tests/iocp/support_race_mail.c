/*
 * Mail: threads that post numbered letters to a few strands. Each letter has to arrive once, those
 * of one thread to one strand in order, and the counters of the strands are plain.
 */
#include "race.h"

struct letter {
    struct iocp_op op;
    struct mailbox *mailbox;
    unsigned poster;
    uint64_t number;
    _Atomic bool posted;
};

struct mailbox {
    struct race *race;
    struct sup_box *box;
    uint64_t next[RACE_POSTERS];
    bool inside;
};

struct poster {
    struct race_mail *mail;
    unsigned index;
    uint64_t sent[RACE_BOXES];
    struct letter letters[RACE_BOXES][RACE_LETTERS];
    struct sup_thread *thread;
};

struct race_mail {
    struct race *race;
    struct mailbox boxes[RACE_BOXES];
    struct poster posters[RACE_POSTERS];
};

static void on_letter(struct iocp_op *op)
{
    struct letter *letter = IOCP_OWNER(op, struct letter, op);
    struct mailbox *mailbox = letter->mailbox;
    SUP_CHECK(!mailbox->inside);
    mailbox->inside = true;
    SUP_CHECK(mailbox->next[letter->poster] == letter->number);
    mailbox->next[letter->poster] = letter->number + 1;
    mailbox->inside = false;
    atomic_fetch_add_explicit(&mailbox->race->completed[RACE_POST], 1, memory_order_relaxed);
    atomic_store_explicit(&letter->posted, false, memory_order_release); /* its thread's again */
}

/* The letters of a box are used in turn, so a free one means that those before it are free. */
static bool post_one(struct poster *poster, unsigned box)
{
    struct letter *letter = &poster->letters[box][poster->sent[box] % RACE_LETTERS];
    if (atomic_load_explicit(&letter->posted, memory_order_acquire))
        return false;
    letter->number = poster->sent[box]++;
    atomic_store_explicit(&letter->posted, true, memory_order_relaxed);
    race_count_start(poster->mail->race, RACE_POST);
    iocp_post(&letter->op);
    return true;
}

/* Posts make up a sixth of all operations, no more: they are so much cheaper than the others. */
static bool is_ahead(struct race *race)
{
    return atomic_load_explicit(&race->started[RACE_POST], memory_order_relaxed) * 6 >
           atomic_load_explicit(&race->total, memory_order_relaxed) + 1000;
}

static void post_letters(void *argument)
{
    struct poster *poster = argument;
    struct race *race = poster->mail->race;
    struct sup_random random;
    sup_random_init(&random, race->seed, 2000 + poster->index);
    while (!race_is_over(race)) {
        if (is_ahead(race) || !post_one(poster, sup_random_below(&random, RACE_BOXES)))
            sup_observe_ms(1); /* lets the others use the processor; waits for nothing */
    }
}

static void init_letters(struct poster *poster, unsigned box)
{
    for (unsigned i = 0; i < RACE_LETTERS; i++) {
        struct letter *letter = &poster->letters[box][i];
        letter->mailbox = &poster->mail->boxes[box];
        letter->poster = poster->index;
        iocp_op_init(&letter->op, &letter->mailbox->box->strand, on_letter);
    }
}

struct race_mail *race_mail_start(struct race *race)
{
    struct race_mail *mail = sup_new(sizeof *mail);
    mail->race = race;
    for (unsigned i = 0; i < RACE_BOXES; i++) {
        mail->boxes[i].race = race;
        mail->boxes[i].box = sup_box_new(race->world);
    }
    for (unsigned i = 0; i < RACE_POSTERS; i++) {
        struct poster *poster = &mail->posters[i];
        poster->mail = mail;
        poster->index = i;
        for (unsigned box = 0; box < RACE_BOXES; box++)
            init_letters(poster, box);
        poster->thread = sup_thread_start(post_letters, poster);
    }
    return mail;
}

void race_mail_end(struct race_mail *mail)
{
    for (unsigned i = 0; i < RACE_POSTERS; i++)
        sup_thread_join(mail->posters[i].thread);
    for (unsigned box = 0; box < RACE_BOXES; box++)
        sup_box_end(mail->boxes[box].box); /* behind the last letter */
    for (unsigned box = 0; box < RACE_BOXES; box++)
        for (unsigned i = 0; i < RACE_POSTERS; i++)
            assert_int_equal(mail->boxes[box].next[i], mail->posters[i].sent[box]);
    free(mail);
}
