/*
 * The help text.
 */
#include "tools/load/options.h"

#include <stdio.h>

static const char usage[] =
    "execport-load drives an exec server, checks every byte and measures what it costs.\n"
    "\n"
    "    execport-load SUBCOMMAND [OPTIONS]\n"
    "\n"
    "Which server\n"
    "  --serve [NAME=]'CMD'  start CMD, take its ws:// URL from standard output, measure its\n"
    "                        processes, end it afterwards. Best for measuring.\n"
    "  --url ws://IP:PORT    a server that runs already; its process is looked for on this\n"
    "                        machine by its port, or is --server-pid PID\n"
    "  --command 'CMD'       start CMD and speak with it over its standard streams\n"
    "  --token TEXT          sent as bearer token; --token-file PATH reads it from a file\n"
    "  --dialect NAME        process (default) or v0\n"
    "\n"
    "Subcommands that measure\n"
    "  starts      rate and latency of starts of /bin/true, 1 and 8 at a time\n"
    "  idle        what 1,000 sessions cost that have spoken and are quiet for 10 s\n"
    "  throughput  1, 16 and 128 children that write as fast as they can\n"
    "  echo        a line through cat and back, in 1, 100 and 1,000 sessions\n"
    "  flood       16 sessions write, the client stops reading for 5 s and goes on\n"
    "  control     replies on one connection while 100 sessions write on another\n"
    "  limits      the same with the bare loops: the least that any server must do\n"
    "  bench       all of these for each --serve and for the bare loops, one table\n"
    "\n"
    "Subcommands that prove\n"
    "  demo        200 sessions of real commands over one connection, every byte checked\n"
    "  soak        2,000 sessions, half on terminals: no byte, descriptor or zombie left\n"
    "  self-check  spoils the server's bytes in every way and sees whether that is noticed\n"
    "              (also --self-check)\n"
    "\n"
    "How\n"
    "  --sessions N[,N...]   other numbers of sessions\n"
    "  --tty none|half|all   sessions on pseudoterminals (default: both ways, or half)\n"
    "  --seconds N           about how long each case is measured (3)\n"
    "  --quiet N             how long idle stays quiet, in seconds (10)\n"
    "  --in-flight N         echoes under way at once (16)\n"
    "  --pipeline N          requests without a reply on one connection (100)\n"
    "  --connections N       spread the sessions over N connections (1)\n"
    "  --ack-quick           acknowledge at once (TCP_QUICKACK): takes out the waits of a\n"
    "                        server that does not set TCP_NODELAY\n"
    "  --lenient             events that overtake others are shown but are no failure (Codex's\n"
    "                        server lets output overtake the exit and the reply to a start)\n"
    "  --only A,B            bench: only these scenarios\n"
    "  --no-limits           bench: without the bare loops\n"
    "  --markdown, --json    a table for a document; a line of JSON for each case\n"
    "\n"
    "Results go to standard output, progress to standard error if that is a terminal. The exit\n"
    "code is 0 only if every byte, number and exit code was right.\n"
    "\n"
    "Examples\n"
    "  execport-load throughput --serve 'execport-runner --listen ws://127.0.0.1:0'\n"
    "  execport-load demo --url ws://127.0.0.1:4000\n"
    "  execport-load bench --markdown --serve ours='execport-runner' \\\n"
    "      --serve peer='codex exec-server --listen ws://127.0.0.1:0'\n";

void load_options_print_help(void)
{
    fputs(usage, stdout);
}
