#include "api/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const covey_opt_t s_settings[] = {COVEY_NODE_SETTINGS, {.flag = NULL}};

const covey_opt_t *
covey_node_settings (void)
{
    return s_settings;
}

bool
covey_settings_address (const char *text, int default_port, char *host,
                        size_t host_size, int *port_p)
{
    const char *end = text + strlen (text); /* of the host                    */
    const char *port = NULL;
    if (*text == '[') {
        end = strchr (++text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        port = end[1] ? end + 2 : NULL;
    } else {
        /* More than one colon: an IPv6 address without port. */
        const char *colon = strchr (text, ':');
        if (colon && !strchr (colon + 1, ':')) {
            end = colon;
            port = colon + 1;
        }
    }
    size_t size = (size_t)(end - text);
    if (size == 0 || size >= host_size || strcspn (text, " /\t") < size)
        return false;
    int64_t number = default_port;
    if (port && !covey_str_to_int (port, 0, 65535, &number))
        return false;
    memcpy (host, text, size);
    host[size] = '\0';
    *port_p = (int)number;
    return true;
}

static covey_err_t
s_refuse (const covey_options_t *values, const char *name, const char *value,
          const char *why, covey_errbuf_t *err)
{
    return covey_fail (err, COVEY_INVALID, "%s (from %s): \"%s\": %s", name,
                       covey_options_origin_text (values, name), value, why);
}

/*  ZeroMQ wants IPv6 addresses in brackets.                                  */
static void
s_endpoint (char *to, size_t size, const char *host, int port)
{
    if (strchr (host, ':'))
        snprintf (to, size, "tcp://[%s]:%d", host, port);
    else
        snprintf (to, size, "tcp://%s:%d", host, port);
}

static covey_err_t
s_check_addresses (const covey_options_t *values, covey_settings_t *settings,
                   covey_errbuf_t *err)
{
    const char *listen = covey_options_text (values, "listen");
    if (!covey_settings_address (listen, COVEY_DEFAULT_PORT, settings->host,
                                 sizeof settings->host, &settings->port))
        return s_refuse (values, "listen", listen,
                         "must be ADDR or ADDR:PORT, as 127.0.0.1:7400", err);
    settings->pub_port = settings->port ? settings->port + 1 : 0;
    if (covey_options_is_set (values, "pub-port"))
        settings->pub_port = (int)covey_options_int (values, "pub-port");
    if (settings->pub_port > 65535)
        return s_refuse (values, "listen", listen,
                         "leaves no port behind it for broadcasts; set "
                         "pub-port",
                         err);
    if (settings->port && settings->port == settings->pub_port)
        return s_refuse (values, "pub-port",
                         covey_options_text (values, "pub-port"),
                         "is the port of listen already", err);

    const char *session = covey_options_text (values, "session-tcp");
    char host[COVEY_NAME_MAX + 1];
    int port;
    if (session) {
        if (!covey_settings_address (session, COVEY_SESSION_PORT, host,
                                     sizeof host, &port))
            return s_refuse (values, "session-tcp", session,
                             "must be ADDR or ADDR:PORT, as 127.0.0.1:7402",
                             err);
        s_endpoint (settings->session_tcp, sizeof settings->session_tcp, host,
                    port);
    }
    for (size_t i = 0; i < covey_options_count (values, "join"); i++) {
        const char *join = covey_options_item (values, "join", i);
        if (!covey_settings_address (join, COVEY_DEFAULT_PORT, host,
                                     sizeof host, &port) ||
            port == 0)
            return s_refuse (values, "join", join,
                             "must be HOST:PORT of a node, as 10.0.0.1:7400",
                             err);
    }
    return COVEY_OK;
}

static covey_err_t
s_check_roles (const covey_options_t *values, covey_settings_t *settings,
               covey_errbuf_t *err)
{
    size_t count = covey_options_count (values, "roles");
    if (count == 0) {
        settings->is_coordinator = true; /* of one that joins: a spare        */
        settings->is_persister = covey_options_count (values, "join") == 0;
        return COVEY_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const char *role = covey_options_item (values, "roles", i);
        if (strcmp (role, "coordinator") == 0)
            settings->is_coordinator = true;
        else if (strcmp (role, "persister") == 0)
            settings->is_persister = true;
        else if (strcmp (role, "none") != 0 || count > 1)
            return s_refuse (values, "roles", role,
                             "must be coordinator, persister, both with a "
                             "comma, or none alone",
                             err);
    }
    return COVEY_OK;
}

static covey_err_t
s_check_types (const covey_options_t *values, covey_settings_t *settings,
               covey_errbuf_t *err)
{
    size_t count = covey_options_count (values, "persist-types");
    size_t max =
        sizeof settings->persist_types / sizeof *settings->persist_types;
    for (size_t i = 0; i < count; i++) {
        const char *name = covey_options_item (values, "persist-types", i);
        int type = covey_event_type_number (name);
        if (type == 0)
            return s_refuse (values, "persist-types", name,
                             "is no event type; they are named as "
                             "task:completed",
                             err);
        if (settings->persist_type_count == max)
            return s_refuse (values, "persist-types", name,
                             "is one type too many; use persist-all", err);
        settings->persist_types[settings->persist_type_count++] = type;
    }
    return COVEY_OK;
}

static covey_err_t
s_check_times (const covey_options_t *values, covey_errbuf_t *err)
{
    if (covey_options_int (values, "probe-timeout") >=
        covey_options_int (values, "probe-interval"))
        return s_refuse (values, "probe-timeout",
                         covey_options_text (values, "probe-timeout"),
                         "must be shorter than probe-interval", err);
    return COVEY_OK;
}

covey_err_t
covey_settings_check (const covey_options_t *values, covey_settings_t *settings,
                      covey_errbuf_t *err)
{
    memset (settings, 0, sizeof *settings);
    covey_err_t rc = s_check_addresses (values, settings, err);
    if (rc == COVEY_OK)
        rc = s_check_roles (values, settings, err);
    if (rc == COVEY_OK)
        rc = s_check_types (values, settings, err);
    if (rc == COVEY_OK)
        rc = s_check_times (values, err);
    return rc;
}

covey_err_t
covey_settings_choose (const covey_options_t *values,
                       const covey_interface_t *list, size_t count,
                       covey_settings_t *settings, covey_errbuf_t *err)
{
    const char *names[COVEY_LIST_MAX];
    covey_interface_wish_t wish = {
        .host = settings->host,
        .names = names,
        .name_count = covey_options_count (values, "interface"),
        .has_advertise = covey_options_is_set (values, "advertise"),
        .needs_broadcast = covey_options_flag (values, "beacon")};
    for (size_t i = 0; i < wish.name_count; i++)
        names[i] = covey_options_item (values, "interface", i);
    bool follows = wish.name_count && !covey_options_is_set (values, "listen");
    if (follows)
        wish.host = NULL;
    memcpy (settings->interfaces, list, count * sizeof *list);
    settings->interface_count = count;
    covey_err_t rc = covey_interface_choose (
        settings->interfaces, &settings->interface_count, &wish, err);
    if (rc)
        return rc;
    if (follows)
        snprintf (settings->host, sizeof settings->host, "%s",
                  settings->interface_count == 1
                      ? settings->interfaces[0].address
                      : "0.0.0.0");
    if (wish.needs_broadcast)
        settings->beacon_port = (int)covey_options_int (values, "beacon-port");
    return COVEY_OK;
}

covey_err_t
covey_settings_resolve (const covey_options_t *values,
                        covey_settings_t *settings, covey_errbuf_t *err)
{
    covey_interface_t list[COVEY_INTERFACES_MAX];
    covey_err_t rc = covey_settings_check (values, settings, err);
    if (rc)
        return rc;
    size_t count = covey_interface_list (list);
    return covey_settings_choose (values, list, count, settings, err);
}
