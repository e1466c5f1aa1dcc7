#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/json.h"
#include "proto/json_scan.h"

/* ------------------------------------------------------------------------ */
/*  Failures                                                                  */

/*  One write, so that lines of several processes do not mix.                */
static void
s_put_line (covey_cli_t *cli, const char *text)
{
    char line[768];
    int n = snprintf (line, sizeof line, "covey %s: %s\n", cli->command->name,
                      text);
    size_t size = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    for (size_t i = 0; i + 1 < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[size - 1] = '\n';
    (void)!write (STDERR_FILENO, line, size); /* nowhere left to complain to */
}

int
covey_cli_fail (covey_cli_t *cli, int exit_code, const char *fmt, ...)
{
    char text[640];
    va_list args;
    va_start (args, fmt);
    vsnprintf (text, sizeof text, fmt, args);
    va_end (args);
    fflush (stdout);
    s_put_line (cli, text);
    return exit_code;
}

void
covey_cli_note (covey_cli_t *cli, const char *fmt, ...)
{
    if (cli->quiet)
        return;
    char text[640];
    va_list args;
    va_start (args, fmt);
    vsnprintf (text, sizeof text, fmt, args);
    va_end (args);
    s_put_line (cli, text);
}

/*  The mesh's services answer with the names of covey_err_t; an agent's own
    codes are failures like any other. `text` moves behind the name.          */
static covey_err_t
s_remote_code (const char **text)
{
#define COVEY_X(code, name, doc)                              \
    if (strncmp (*text, #name ": ", sizeof #name + 1) == 0) { \
        *text += sizeof #name + 1;                            \
        return COVEY_##name;                                  \
    }
    COVEY_ERROR_MAP (COVEY_X)
#undef COVEY_X
    return COVEY_REMOTE;
}

int
covey_cli_exit_code (covey_err_t rc)
{
    const char *text = covey_error ();
    if (rc == COVEY_REMOTE)
        rc = s_remote_code (&text);
    if (rc == COVEY_OK)
        return COVEY_EXIT_OK;
    if (rc == COVEY_INVALID || rc == COVEY_MALFORMED || rc == COVEY_LIMIT)
        return COVEY_EXIT_USAGE;
    if (rc == COVEY_UNREACHABLE)
        return COVEY_EXIT_UNREACHABLE;
    if (rc == COVEY_TIMEOUT)
        return COVEY_EXIT_TIMEOUT;
    return rc == COVEY_DENIED ? COVEY_EXIT_DENIED : COVEY_EXIT_FAILED;
}

int
covey_cli_fail_rc (covey_cli_t *cli, covey_err_t rc, const char *what)
{
    const char *text = covey_error ();
    if (rc == COVEY_REMOTE)
        s_remote_code (&text);
    if (!*text)
        text = covey_err_text (rc);
    if (what && *what)
        return covey_cli_fail (cli, covey_cli_exit_code (rc), "%.160s: %s",
                               what, text);
    return covey_cli_fail (cli, covey_cli_exit_code (rc), "%s", text);
}

/* ------------------------------------------------------------------------ */
/*  Arguments                                                                 */

const char *
covey_cli_arg (const covey_cli_t *cli, size_t index)
{
    return covey_options_positional (cli->options, index);
}

const char *
covey_cli_text (const covey_cli_t *cli, const char *option)
{
    return covey_options_text (cli->options, option);
}

int
covey_cli_int (const covey_cli_t *cli, const char *option)
{
    int64_t value = covey_options_int (cli->options, option);
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

bool
covey_cli_flag (const covey_cli_t *cli, const char *option)
{
    return covey_options_flag (cli->options, option);
}

int
covey_cli_timeout (const covey_cli_t *cli)
{
    return cli->command->timeout_ms ? cli->command->timeout_ms
                                    : covey_cli_int (cli, "timeout");
}

static int
s_read_all (covey_cli_t *cli, FILE *file, const char *name, size_t max,
            char **data_p, size_t *size_p)
{
    covey_buf_t buf;
    covey_buf_init (&buf, max + 1);
    char chunk[16384];
    size_t n;
    int exit_code = COVEY_EXIT_OK;
    while (!exit_code && (n = fread (chunk, 1, sizeof chunk, file)) > 0)
        if (buf.size + n > max || covey_buf_append (&buf, chunk, n))
            exit_code = covey_cli_fail (
                cli, COVEY_EXIT_USAGE,
                "%.200s: has more than %zu bytes, which is the most allowed",
                name, max);
    if (!exit_code && ferror (file))
        exit_code = covey_cli_fail (cli, COVEY_EXIT_FAILED,
                                    "%.200s: cannot be read: %s", name,
                                    strerror (errno));
    if (!exit_code) {
        *size_p = buf.size;
        *data_p = covey_buf_steal (&buf);
    }
    covey_buf_deinit (&buf);
    return exit_code;
}

int
covey_cli_read (covey_cli_t *cli, const char *arg, bool at_file, size_t max,
                char **data_p, size_t *size_p)
{
    if (strcmp (arg, "-") == 0)
        return s_read_all (cli, stdin, "standard input", max, data_p, size_p);
    if (at_file && *arg == '@') {
        FILE *file = fopen (arg + 1, "re");
        if (!file)
            return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                   "%.200s: cannot be opened: %s", arg + 1,
                                   strerror (errno));
        int exit_code = s_read_all (cli, file, arg + 1, max, data_p, size_p);
        fclose (file);
        return exit_code;
    }
    *size_p = strlen (arg);
    if (*size_p > max)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "\"%.40s...\": has %zu bytes, at most %zu are "
                               "allowed",
                               arg, *size_p, max);
    *data_p = covey_str_dup (arg);
    return COVEY_EXIT_OK;
}

int
covey_cli_read_line (covey_cli_t *cli, FILE *file, const char *name,
                     char **line_p, size_t *size_p)
{
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_EVENT_MAX + 2);
    int c, result = 0;
    errno = 0;
    while ((c = getc_unlocked (file)) != EOF) {
        result = 1;
        if (c == '\n')
            break;
        covey_buf_putc (&buf, (char)c);
        if (buf.size > COVEY_EVENT_MAX) {
            covey_cli_fail (cli, COVEY_EXIT_USAGE,
                            "%.200s: a line has more than %d bytes, which is "
                            "the most allowed",
                            name, COVEY_EVENT_MAX);
            result = -1;
            break;
        }
    }
    if (result >= 0 && ferror (file)) {
        covey_cli_fail (cli, COVEY_EXIT_USAGE, "%.200s: cannot be read: %s",
                        name, strerror (errno));
        result = -1;
    }
    if (result > 0) {
        *size_p = buf.size;
        covey_buf_putc (&buf, '\0');
        *line_p = covey_buf_steal (&buf);
    }
    covey_buf_deinit (&buf);
    return result;
}

int
covey_cli_check_json (covey_cli_t *cli, const char *what, const char *text,
                      size_t size)
{
    covey_errbuf_t err = {""};
    if (covey_json_check (text, size, COVEY_JSON_DEPTH_MAX, what, &err))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", err.text);
    return COVEY_EXIT_OK;
}

/* ------------------------------------------------------------------------ */
/*  Output                                                                    */

void
covey_cli_put_json (covey_cli_t *cli, const char *json, size_t size)
{
    (void)cli;
    /*  A line feed can only stand between JSON tokens.                      */
    for (size_t i = 0; i < size; i++)
        putchar_unlocked (json[i] == '\n' || json[i] == '\r' ? ' ' : json[i]);
    putchar ('\n');
}

void
covey_cli_put_text (covey_cli_t *cli, const char *text)
{
    (void)cli;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        /*  C1 control characters are c2 80 .. c2 9f in UTF-8.               */
        bool is_control = *p < 0x20 || *p == 0x7f ||
                          (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f);
        if (is_control && *p == 0xc2)
            p++;
        putchar_unlocked (is_control ? '?' : *p);
    }
}

bool
covey_cli_flush (covey_cli_t *cli)
{
    if (fflush (stdout) != 0 && errno == EPIPE)
        cli->is_stopped = true;
    return !cli->is_stopped;
}

bool
covey_cli_is_stopped (covey_cli_t *cli, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = cli->signal_fd, .events = POLLIN},
                           {.fd = STDOUT_FILENO, .events = 0}};
    if (!cli->is_stopped && poll (fds, 2, timeout_ms) > 0 &&
        ((fds[0].revents & POLLIN) || (fds[1].revents & (POLLERR | POLLHUP))))
        cli->is_stopped = true;
    return cli->is_stopped;
}
