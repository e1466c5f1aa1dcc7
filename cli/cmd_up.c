/*  covey up: a node of the mesh in this process, until a signal              */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/settings.h"
#include "base/buf.h"
#include "cli/commands.h"

#define CONFIG_MAX 1048576
#define DRAIN_TIMEOUT_MS 5000
#define STOP_TIMEOUT_MS 5000

static const covey_opt_t s_options[] = {
    {.flag = "config",
     .letter = 'c',
     .env = "COVEY_CONFIG",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = 4096,
     .value = "FILE",
     .doc = "settings file; default: ~/.config/covey/covey.conf or "
            "/etc/covey/covey.conf"},
    {.flag = "memory", .doc = "keep nothing on disk"},
    {.flag = "check",
     .doc = "show the settings and where each comes from, and "
            "end"},
    {.flag = "ready-fd",
     .kind = COVEY_OPT_INT,
     .min = 0,
     .max = 65535,
     .value = "N",
     .doc = "write a line to this file descriptor when the node serves"},
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "10s",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long to wait for the nodes to join before serving alone"},
    {0}};

/* ------------------------------------------------------------------------ */
/*  Settings                                                                  */

static int
s_parse_file (covey_cli_t *cli, FILE *file, const char *path)
{
    covey_buf_t buf;
    covey_buf_init (&buf, CONFIG_MAX + 1);
    char chunk[4096];
    size_t n;
    while ((n = fread (chunk, 1, sizeof chunk, file)) > 0)
        if (covey_buf_append (&buf, chunk, n))
            break;
    int exit_code = COVEY_EXIT_OK;
    covey_buf_putc (&buf, '\0');
    if (ferror (file))
        exit_code =
            covey_cli_fail (cli, COVEY_EXIT_USAGE, "%.300s: cannot be read: %s",
                            path, strerror (errno));
    else if (buf.failed)
        exit_code = covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                    "%.300s: has more than %d bytes: that is "
                                    "no settings file",
                                    path, CONFIG_MAX);
    else {
        covey_errbuf_t err = {""};
        if (covey_options_parse_file (cli->options, path,
                                      (const char *)buf.data, &err))
            exit_code = covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", err.text);
    }
    covey_buf_deinit (&buf);
    return exit_code;
}

/*  The first of the default files that is there; false: none.               */
static bool
s_default_config (char *path, size_t size)
{
    const char *config = getenv ("XDG_CONFIG_HOME"), *home = getenv ("HOME");
    path[0] = '\0';
    if (config && *config == '/')
        snprintf (path, size, "%s/covey/covey.conf", config);
    else if (home && *home)
        snprintf (path, size, "%s/.config/covey/covey.conf", home);
    if (*path && access (path, F_OK) == 0)
        return true;
    snprintf (path, size, "/etc/covey/covey.conf");
    return access (path, F_OK) == 0;
}

static int
s_read_config (covey_cli_t *cli)
{
    char path[4200];
    const char *given = covey_cli_text (cli, "config");
    if (given)
        snprintf (path, sizeof path, "%s", given);
    else if (!s_default_config (path, sizeof path))
        return COVEY_EXIT_OK;
    FILE *file = fopen (path, "re");
    if (!file)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "%.300s: cannot be opened: %s", path,
                               strerror (errno));
    int exit_code = s_parse_file (cli, file, path);
    fclose (file);
    return exit_code;
}

/*  A command keeps its data where the other commands look for it.           */
static int
s_choose_data (covey_cli_t *cli)
{
    char path[1100];
    bool is_set = covey_cli_text (cli, "data") != NULL;
    if (covey_cli_flag (cli, "memory"))
        return is_set
                   ? covey_cli_fail (
                         cli, COVEY_EXIT_USAGE,
                         "--memory: goes not with a data folder (\"%.100s\", "
                         "%.100s); drop one of them",
                         covey_cli_text (cli, "data"),
                         covey_options_origin_text (cli->options, "data"))
                   : COVEY_EXIT_OK;
    if (is_set)
        return COVEY_EXIT_OK;
    if (!covey_cli_default_data (path, sizeof path))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "HOME: not set: no default data folder; give "
                               "--data DIR or --memory");
    covey_errbuf_t err = {""};
    if (covey_options_set (cli->options, "data", path, COVEY_FROM_DEFAULT,
                           &err))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", err.text);
    return COVEY_EXIT_OK;
}

/*  A library is silent unless told otherwise; a daemon says what is wrong.   */
static int
s_choose_log_level (covey_cli_t *cli)
{
    covey_errbuf_t err = {""};
    if (covey_options_is_set (cli->options, "log-level") ||
        covey_options_set (cli->options, "log-level", "warn",
                           COVEY_FROM_DEFAULT, &err) == COVEY_OK)
        return COVEY_EXIT_OK;
    return covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", err.text);
}

static int
s_settings (covey_cli_t *cli, covey_node_t **node_p)
{
    int exit_code = s_read_config (cli);
    if (!exit_code)
        exit_code = s_choose_data (cli);
    if (!exit_code)
        exit_code = s_choose_log_level (cli);
    if (exit_code)
        return exit_code;
    covey_settings_t settings;
    covey_errbuf_t err = {""};
    if (covey_settings_resolve (cli->options, &settings, &err))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", err.text);
    covey_node_t *node = covey_node_new (covey_cli_text (cli, "name"));
    if (!node)
        return covey_cli_fail_rc (cli, COVEY_INVALID, "--name");
    covey_err_t rc = covey_node_configure (node, cli->options);
    /*  These defaults are this command's, not the node's.                    */
    if (rc == COVEY_OK && !covey_options_is_set (cli->options, "data") &&
        covey_cli_text (cli, "data"))
        rc = covey_node_set (node, "data", covey_cli_text (cli, "data"));
    if (rc == COVEY_OK)
        rc = covey_node_set (node, "log-level",
                             covey_cli_text (cli, "log-level"));
    if (rc) {
        covey_node_destroy (&node);
        return covey_cli_fail_rc (cli, rc, "");
    }
    *node_p = node;
    return COVEY_EXIT_OK;
}

/* ------------------------------------------------------------------------ */
/*  --check                                                                   */

/*  The value of a setting as a file would have it: a list with commas.      */
static char *
s_value_text (const covey_cli_t *cli, const covey_opt_t *opt)
{
    const char *name = opt->flag ? opt->flag : opt->key;
    size_t count = covey_options_count (cli->options, name);
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_EVENT_MAX);
    if (opt->secret)
        covey_buf_puts (&buf, count ? "(set)" : "");
    else
        for (size_t i = 0; i < count; i++) {
            covey_buf_puts (&buf, i ? "," : "");
            covey_buf_puts (&buf, covey_options_item (cli->options, name, i));
        }
    char *text = covey_buf_steal (&buf);
    covey_buf_deinit (&buf);
    return text;
}

static void
s_put_quoted (const char *text)
{
    putchar ('"');
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20)
            printf ("\\u%04x", (unsigned)*p);
        else {
            if (*p == '"' || *p == '\\')
                putchar ('\\');
            putchar (*p);
        }
    }
    putchar ('"');
}

static int
s_check (covey_cli_t *cli)
{
    for (const covey_opt_t *opt = covey_node_settings (); opt->flag || opt->key;
         opt++) {
        const char *name = opt->flag ? opt->flag : opt->key;
        const char *origin = covey_options_origin_text (cli->options, name);
        char *value = s_value_text (cli, opt);
        if (cli->json) {
            fputs ("{\"key\":", stdout);
            s_put_quoted (opt->key ? opt->key : name);
            fputs (",\"value\":", stdout);
            if (value && *value)
                s_put_quoted (value);
            else
                fputs ("null", stdout);
            fputs (",\"origin\":", stdout);
            s_put_quoted (origin);
            puts ("}");
        } else
            printf ("%-16s %-36s %s\n", opt->key ? opt->key : name,
                    value && *value ? value : "-", origin);
        free (value);
    }
    return COVEY_EXIT_OK;
}

/* ------------------------------------------------------------------------ */
/*  Serving                                                                   */

/*  Then the next node runs on this host too, and needs its own port and
    folder.                                                                   */
static bool
s_is_loopback (const char *endpoint)
{
    return strncmp (endpoint, "127.", 4) == 0 ||
           strncmp (endpoint, "[::1]", 5) == 0 ||
           strncmp (endpoint, "localhost:", 10) == 0;
}

static void
s_put_banner (covey_cli_t *cli, const covey_node_t *node)
{
    const char *data = covey_cli_text (cli, "data");
    const char *session = covey_node_session_endpoint (node);
    if (cli->json) {
        const struct {
            const char *key, *value;
        } fields[] = {{"node", covey_node_id (node)},
                      {"name", covey_node_name (node)},
                      {"mesh", covey_cli_text (cli, "mesh")},
                      {"endpoint", covey_node_endpoint (node)},
                      {"session", session},
                      {"data", data ? data : ""}};
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            fputs (i ? "," : "{", stdout);
            s_put_quoted (fields[i].key);
            putchar (':');
            s_put_quoted (fields[i].value ? fields[i].value : "");
        }
        puts ("}");
    } else if (!cli->quiet) {
        char where[1200] = "";
        const char *given =
            covey_options_is_set (cli->options, "data") ? data : NULL;
        if (given)
            snprintf (where, sizeof where, " --data %s", given);
        else if (!data)
            snprintf (where, sizeof where, " --endpoint %s", session);
        printf ("node     %s of mesh %s, covey %s\n"
                "listens  %s\n"
                "agents   %s\n"
                "stores   %s\n"
                "\n"
                "look     covey status%s\n"
                "work     covey agent run%s --id worker-1 --type shell -- cat\n"
                "grow     covey up --join %s%s\n",
                covey_node_name (node), covey_cli_text (cli, "mesh"),
                covey_version (), covey_node_endpoint (node), session,
                data ? data : "in memory only", where, where,
                covey_node_endpoint (node),
                s_is_loopback (covey_node_endpoint (node))
                    ? " --listen 127.0.0.1:0 --data DIR"
                    : "");
    }
    fflush (stdout);
}

/*  One line, "ready HOST:PORT SESSION", for whoever started this process.   */
static int
s_tell_ready (covey_cli_t *cli, const covey_node_t *node)
{
    if (!covey_options_is_set (cli->options, "ready-fd"))
        return COVEY_EXIT_OK;
    int fd = covey_cli_int (cli, "ready-fd");
    char line[1400];
    int n = snprintf (line, sizeof line, "ready %s %s\n",
                      covey_node_endpoint (node),
                      covey_node_session_endpoint (node));
    if (write (fd, line, (size_t)n) == n)
        return COVEY_EXIT_OK;
    return covey_cli_fail (cli, COVEY_EXIT_FAILED,
                           "--ready-fd: %d: cannot be written: %s", fd,
                           strerror (errno));
}

/*  For a signal, or for somebody who drained the node: true.                */
static bool
s_wait_for_end (const covey_cli_t *cli, const covey_node_t *node)
{
    struct pollfd fds[] = {
        {.fd = cli->signal_fd, .events = POLLIN},
        {.fd = covey_node_leave_fd (node), .events = POLLIN}};
    struct signalfd_siginfo info;
    while (poll (fds, 2, -1) < 0 && errno == EINTR)
        continue;
    if (fds[0].revents) /* which one is equal                                */
        (void)!read (cli->signal_fd, &info, sizeof info);
    return fds[1].revents != 0;
}

/*  From now on a further signal ends the process at once.                   */
static void
s_release_signals (void)
{
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGHUP);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
}

static int
s_serve (covey_cli_t *cli, covey_node_t *node)
{
    covey_err_t rc = covey_node_start (node, covey_cli_timeout (cli));
    if (rc == COVEY_TIMEOUT)
        covey_cli_note (cli, "%s", covey_error ());
    else if (rc)
        return covey_cli_fail_rc (cli, rc, "");
    int exit_code = s_tell_ready (cli, node);
    if (exit_code)
        return exit_code;
    s_put_banner (cli, node);
    bool is_drained = s_wait_for_end (cli, node);
    s_release_signals ();
    if (!is_drained && covey_node_drain (node, DRAIN_TIMEOUT_MS))
        covey_cli_note (cli, "%s", covey_error ());
    rc = covey_node_stop (node, STOP_TIMEOUT_MS);
    /* Who drained it knows what was left. */
    return rc && !is_drained ? covey_cli_fail_rc (cli, rc, "stopping")
                             : COVEY_EXIT_OK;
}

static int
s_run (covey_cli_t *cli)
{
    if (covey_options_is_set (cli->options, "ready-fd") &&
        fcntl (covey_cli_int (cli, "ready-fd"), F_GETFD) < 0)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--ready-fd: %s: is not an open file descriptor",
                               covey_cli_text (cli, "ready-fd"));
    covey_node_t *node = NULL;
    int exit_code = s_settings (cli, &node);
    if (!exit_code)
        exit_code =
            covey_cli_flag (cli, "check") ? s_check (cli) : s_serve (cli, node);
    covey_node_destroy (&node);
    return exit_code;
}

const covey_cli_command_t covey_cmd_up = {
    .name = "up",
    .args = "",
    .summary = "run a node of the mesh on this host",
    .text =
        "The first node needs nothing; the others get --join HOST:PORT of "
        "any node,\nor on a local network all get --beacon, and all but one "
        "--roles none.\nSIGINT or SIGTERM drains it for 5 s at most, then "
        "ends it; a second one ends it at once. covey drain ends it, "
        "too.\nSettings: options, then "
        "COVEY_* variables, then the "
        "file, then defaults.",
    .options = s_options,
    .needs = COVEY_CLI_SETTINGS | COVEY_CLI_STREAM,
    .run = s_run};
