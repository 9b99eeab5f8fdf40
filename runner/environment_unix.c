/*
 * The server's surroundings on Unix: the user's shell if it is one that clients know how to call,
 * else bash or sh; the working directory; the home directory; the directory for temporary files.
 */
#include "runner/environment.h"

#include <execport_version.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Clients choose a shell's options by its name, and these names are the ones that they know. */
static const char *known_shell(const char *path)
{
    static const char *const names[] = {"bash", "zsh", "sh"};
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || path[0] != '/')
        return NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(slash + 1, names[i]) == 0)
            return names[i];
    return NULL;
}

static bool take_shell(struct run_environment *environment, const char *path)
{
    const char *name = known_shell(path);
    if (name == NULL || strlen(path) >= sizeof(environment->shell_path) || access(path, X_OK) != 0)
        return false;
    (void)snprintf(environment->shell_path, sizeof(environment->shell_path), "%s", path);
    environment->message.shell_name = name;
    environment->message.shell_path = environment->shell_path;
    return true;
}

static void learn_shell(struct run_environment *environment, const struct passwd *user)
{
    if (take_shell(environment, getenv("SHELL")))
        return;
    if (user != NULL && take_shell(environment, user->pw_shell))
        return;
    if (take_shell(environment, "/bin/bash"))
        return;
    environment->message.shell_name = "sh";
    environment->message.shell_path = "/bin/sh"; /* POSIX has one */
}

/* The file: URI of a directory, or NULL. */
static char *uri_of(const char *path)
{
    char buffer[RUN_DIRECTORY_URI_BYTES];
    if (path == NULL || path[0] != '/')
        return NULL;
    if (wire_msg_path_to_uri(wire_span_text(path), WIRE_MSG_PATH_POSIX, buffer, sizeof(buffer)) < 0)
        return NULL;
    return strdup(buffer);
}

static const char *platform(void)
{
    struct utsname name;
    if (uname(&name) != 0 || strcmp(name.sysname, "Linux") == 0)
        return "linux";
    return strcmp(name.sysname, "Darwin") == 0 ? "macos" : "unix";
}

void run_environment_init(struct run_environment *environment)
{
    const struct passwd *user = getpwuid(geteuid());
    const char *home = getenv("HOME"), *temp = getenv("TMPDIR");
    char *cwd = getcwd(NULL, 0);
    *environment = (struct run_environment){.own_uid = (int64_t)geteuid()};
    learn_shell(environment, user);
    if ((home == NULL || home[0] != '/') && user != NULL)
        home = user->pw_dir;
    if (temp == NULL || temp[0] != '/')
        temp = "/tmp";
    environment->cwd_uri = uri_of(cwd);
    environment->home_uri = uri_of(home);
    environment->temp_uri = uri_of(temp);
    environment->message.cwd = environment->cwd_uri;
    environment->message.user_home_dir = environment->home_uri;
    environment->message.temp_dir = environment->temp_uri;
    environment->message.platform_os = platform();
    environment->capabilities[RUN_CAPABILITY_WATCH_MISSING].name = "fsWatchMissing";
    environment->message.capabilities = environment->capabilities;
    environment->message.capability_count = RUN_CAPABILITIES;
    environment->message.executor_version = EXECPORT_VERSION;
    free(cwd);
}

void run_environment_deinit(struct run_environment *environment)
{
    free(environment->cwd_uri);
    free(environment->home_uri);
    free(environment->temp_uri);
}
