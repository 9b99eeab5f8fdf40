/* Prints its arguments and its environment, one a line, each in brackets, and its directory. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    char directory[PATH_MAX];
    for (int i = 0; i < argc; i++)
        printf("arg[%s]\n", argv[i]);
    for (char **at = environ; *at != NULL; at++)
        printf("env[%s]\n", *at);
    if (getcwd(directory, sizeof(directory)) != NULL)
        printf("cwd[%s]\n", directory);
    return 0;
}
