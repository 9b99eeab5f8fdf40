/*
 * Runs tests in a child and kills what they leave: processes that a session could not find because
 * a call of its walk was made to fail. So no test leaves a process to the machine.
 */
#include "support_strays.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned kill_children_of(const char *task)
{
    char path[64];
    unsigned killed = 0;
    int pid;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/children", task);
    FILE *file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        killed += kill((pid_t)pid, SIGKILL) == 0 && waitpid((pid_t)pid, NULL, 0) == pid;
    if (file != NULL)
        (void)fclose(file);
    return killed;
}

/* One generation: what their deaths leave us is found by the next pass. */
static unsigned kill_children(void)
{
    unsigned killed = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    while (tasks != NULL && (task = readdir(tasks)) != NULL)
        if (task->d_name[0] != '.')
            killed += kill_children_of(task->d_name);
    if (tasks != NULL)
        (void)closedir(tasks);
    return killed;
}

static void kill_strays(void)
{
    while (kill_children() > 0)
        continue;
}

int sup_run_and_clear(int (*run)(void))
{
    int status = 0;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    pid_t pid = fork();
    if (pid == 0)
        exit(run());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        status = -1;
    kill_strays();
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
