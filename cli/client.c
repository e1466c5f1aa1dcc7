/*  Finding the node that a command talks to                                  */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"

#define PROBE_TIMEOUT_MS 2000
#define PROBE_GRACE_MS 1000
#define PROBE_STEP_MS 20

/*  Where to connect, and what to say about it.                              */
typedef struct {
    char endpoint[COVEY_CLI_ENDPOINT_MAX];
    const char *origin; /* "--endpoint", "COVEY_DATA", "default"              */
    char data[1100];    /* the folder that it was made from, or ""            */
    bool data_given;    /* it was --data or COVEY_DATA                        */
} place_t;

bool
covey_cli_default_data (char *to, size_t size)
{
    const char *state = getenv ("XDG_STATE_HOME");
    const char *home = getenv ("HOME");
    int n;
    if (state && *state == '/')
        n = snprintf (to, size, "%s/covey/default", state);
    else if (home && *home)
        n = snprintf (to, size, "%s/.local/state/covey/default", home);
    else
        return false;
    return n > 0 && (size_t)n < size;
}

/*  The stronger of --endpoint and --data; --endpoint when both are as strong.
 */
static int
s_find_place (covey_cli_t *cli, place_t *place)
{
    memset (place, 0, sizeof *place);
    const char *endpoint = covey_cli_text (cli, "endpoint");
    const char *data = covey_cli_text (cli, "data");
    covey_opt_origin_t endpoint_from =
        covey_options_origin (cli->options, "endpoint");
    if (endpoint && (!data || endpoint_from >= covey_options_origin (
                                                   cli->options, "data"))) {
        place->origin =
            endpoint_from == COVEY_FROM_ENV ? "COVEY_ENDPOINT" : "--endpoint";
        if (strncmp (endpoint, "ipc://", 6) != 0 &&
            strncmp (endpoint, "tcp://", 6) != 0)
            return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                   "%s: \"%.80s\": must be ipc://PATH or "
                                   "tcp://HOST:PORT",
                                   place->origin, endpoint);
        covey_str_copy (place->endpoint, sizeof place->endpoint, endpoint);
        return COVEY_EXIT_OK;
    }
    if (data) {
        place->data_given = true;
        covey_str_copy (place->data, sizeof place->data, data);
    } else if (!covey_cli_default_data (place->data, sizeof place->data))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "HOME: not set: no default data folder; give "
                               "--data DIR or --endpoint URL");
    place->origin =
        data ? covey_options_origin (cli->options, "data") == COVEY_FROM_ENV
                   ? "COVEY_DATA"
                   : "--data"
             : "default";
    snprintf (place->endpoint, sizeof place->endpoint, "ipc://%s/agents.sock",
              place->data);
    return COVEY_EXIT_OK;
}

/*  Waits for a connection that is being made; errno or 0.                   */
static int
s_finish_connect (int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll (&pollfd, 1, timeout_ms) <= 0)
        return ETIMEDOUT;
    if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &size))
        return errno;
    return error;
}

static int
s_probe_address (const struct sockaddr *address, socklen_t size, int timeout_ms)
{
    int fd = socket (address->sa_family,
                     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int error = connect (fd, address, size) ? errno : 0;
    if (error == EINPROGRESS)
        error = s_finish_connect (fd, timeout_ms);
    close (fd);
    /*  A full backlog is somebody too.                                      */
    return error == EAGAIN ? 0 : error;
}

static int
s_probe_tcp (const char *address, int timeout_ms)
{
    char host[300];
    const char *colon = strrchr (address, ':');
    if (!colon || (size_t)(colon - address) >= sizeof host)
        return EINVAL;
    memcpy (host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    char *start = host;
    if (*start == '[' && host[strlen (host) - 1] == ']') {
        host[strlen (host) - 1] = '\0';
        start++;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo (start, colon + 1, &hints, &list))
        return EHOSTUNREACH;
    int error = EHOSTUNREACH;
    for (const struct addrinfo *p = list; p && error; p = p->ai_next)
        error = s_probe_address (p->ai_addr, p->ai_addrlen, timeout_ms);
    freeaddrinfo (list);
    return error;
}

/*  Does anybody listen there? ZeroMQ would wait for the deadline, because
    somebody could come yet; a command rather says at once that nobody is
    there. 0 or an errno.                                                     */
static int
s_probe (const place_t *place, int timeout_ms)
{
    if (timeout_ms > PROBE_TIMEOUT_MS)
        timeout_ms = PROBE_TIMEOUT_MS;
    const char *address = place->endpoint + strlen ("ipc://");
    if (strncmp (place->endpoint, "tcp://", 6) == 0)
        return s_probe_tcp (address, timeout_ms);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!covey_str_copy (un.sun_path, sizeof un.sun_path, address))
        return ENAMETOOLONG;
    return s_probe_address ((const struct sockaddr *)&un, sizeof un,
                            timeout_ms);
}

static int
s_fail_unreachable (covey_cli_t *cli, const place_t *place, const char *why)
{
    return covey_cli_fail (
        cli, COVEY_EXIT_UNREACHABLE,
        "no node answers at %.300s (%s): %s; start one with covey up%s%.200s",
        place->endpoint, place->origin, why,
        place->data_given ? " --data " : "",
        place->data_given ? place->data : "");
}

/*  A node that is being started in the same script may need a moment for its
    socket: nobody there, or nobody listening yet, is looked at again for a
    second at most.                                                           */
static int
s_probe_again (covey_cli_t *cli, const place_t *place)
{
    int64_t now_ms = covey_clock_mono_ms ();
    int64_t grace_ms = covey_cli_timeout (cli) < PROBE_GRACE_MS
                           ? covey_cli_timeout (cli)
                           : PROBE_GRACE_MS;
    int64_t end_ms = now_ms + grace_ms;
    int error = s_probe (place, covey_cli_timeout (cli));
    while ((error == ENOENT || error == ECONNREFUSED) &&
           covey_clock_mono_ms () < end_ms &&
           !covey_cli_is_stopped (cli, PROBE_STEP_MS))
        error = s_probe (place, covey_cli_timeout (cli));
    return error;
}

static int
s_attach (covey_cli_t *cli, const place_t *place, covey_agent_t *agent)
{
    int64_t start_ms = covey_clock_mono_ms ();
    int error = s_probe_again (cli, place);
    if (error == EINVAL)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "%s: \"%.80s\": must be tcp://HOST:PORT",
                               place->origin, place->endpoint);
    if (error)
        return s_fail_unreachable (cli, place, strerror (error));
    int64_t rest_ms =
        covey_cli_timeout (cli) - (covey_clock_mono_ms () - start_ms);
    covey_err_t rc = covey_agent_connect (agent, place->endpoint,
                                          rest_ms > 1 ? (int)rest_ms : 1);
    if (rc == COVEY_TIMEOUT || rc == COVEY_UNREACHABLE)
        return s_fail_unreachable (cli, place, covey_error ());
    return rc ? covey_cli_fail_rc (cli, rc, place->endpoint) : COVEY_EXIT_OK;
}

static int
s_connect (covey_cli_t *cli, const place_t *place)
{
    char id[64];
    snprintf (id, sizeof id, "cli-%d-%06x", (int)getpid (),
              (unsigned)(covey_clock_seed () & 0xffffff));
    cli->agent = covey_agent_new (id, "cli");
    if (!cli->agent)
        return covey_cli_fail_rc (cli, COVEY_NOMEM, id);
    covey_err_t rc = covey_agent_set_client (cli->agent, true);
    return rc ? covey_cli_fail_rc (cli, rc, id)
              : s_attach (cli, place, cli->agent);
}

int
covey_cli_connect (covey_cli_t *cli)
{
    place_t place;
    int exit_code = s_find_place (cli, &place);
    return exit_code ? exit_code : s_connect (cli, &place);
}

int
covey_cli_attach (covey_cli_t *cli, covey_agent_t *agent, char *endpoint)
{
    place_t place;
    int exit_code = s_find_place (cli, &place);
    if (!exit_code)
        exit_code = s_attach (cli, &place, agent);
    covey_str_copy (endpoint, COVEY_CLI_ENDPOINT_MAX, place.endpoint);
    return exit_code;
}

int
covey_cli_open (covey_cli_t *cli)
{
    place_t place;
    const char *journal = covey_cli_text (cli, "journal");
    if (journal) {
        covey_err_t code = covey_store_open (journal, &cli->store);
        return code ? covey_cli_fail_rc (cli, code, journal) : COVEY_EXIT_OK;
    }
    int exit_code = s_find_place (cli, &place);
    if (exit_code)
        return exit_code;
    if (!place.data_given || s_probe (&place, covey_cli_timeout (cli)) == 0)
        return s_connect (cli, &place);
    covey_err_t rc = covey_store_open (place.data, &cli->store);
    if (rc == COVEY_NOTFOUND)
        return covey_cli_fail (cli, COVEY_EXIT_UNREACHABLE,
                               "%s: \"%.200s\": no node answers there and "
                               "nothing is stored there: %.200s",
                               place.origin, place.data, covey_error ());
    return rc ? covey_cli_fail_rc (cli, rc, place.data) : COVEY_EXIT_OK;
}
