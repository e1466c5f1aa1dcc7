/*  node - one member of the mesh: wires its actors together

    Role      starts the node actor, and beside it the coordinator and the
              persister when this node has those roles; they meet at the node's
              sessions like any agent
    Order     stop is start backwards, except that the persister ends after the
              node has drained: what was accepted is stored before
*/

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/agent_i.h"
#include "api/datadir.h"
#include "api/role_keeper.h"
#include "api/settings.h"
#include "api/status.h"
#include "base/clock.h"
#include "base/str.h"
#include "coordinator/coordinator_actor.h"
#include "node/addressbook_actor.h"
#include "node/node_actor.h"
#include "persist/persister_actor.h"

#define STOP_MS 2000
#define PEERS_PATH_MAX 4096
#define SERVICE_MS 10000 /* a service may take this long to recover */

struct covey_node {
    pthread_mutex_t lock;
    covey_options_t *options;
    char *name;
    bool name_is_made_up;
    covey_id_t id;
    char id_text[37];
    bool is_running;
    covey_log_t *log;
    covey_datadir_t *dir;
    covey_node_actor_t *actor;
    covey_coordinator_actor_t *coordinator;
    covey_persister_actor_t *persister;
    covey_role_keeper_t *keeper; /* of the persister's role                   */
    covey_agent_t *client; /* asks for the status; made when needed           */
};

/* ------------------------------------------------------------------------ */
/*  Life and settings                                                         */

/*  A node without a name is called after its id, so that it keeps its name with
    its data folder. The end of an id is random, its start is the time.       */
static void
s_set_id (covey_node_t *self, covey_id_t id)
{
    self->id = id;
    covey_id_text (id.bytes, self->id_text);
    if (self->name_is_made_up) {
        char made_up[32];
        snprintf (made_up, sizeof made_up, "node-%s", self->id_text + 28);
        free (self->name);
        self->name = covey_str_dup (made_up);
    }
}

covey_node_t *
covey_node_new (const char *name)
{
    covey_i_runtime_init ();
    covey_options_t *options = covey_options_new (covey_node_settings ());
    if (name && covey_options_set (options, "name", name, COVEY_FROM_CALL,
                                   covey_errbuf ())) {
        covey_options_destroy (&options);
        return NULL;
    }
    covey_node_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    pthread_mutex_init (&self->lock, NULL);
    self->options = options;
    self->name = covey_str_dup (name);
    self->name_is_made_up = !name;
    s_set_id (self, covey_id_new ());
    return self;
}

void
covey_node_destroy (covey_node_t **self_p)
{
    assert (self_p);
    covey_node_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    (void)covey_node_stop (self, STOP_MS); /* it ends either way             */
    covey_options_destroy (&self->options);
    pthread_mutex_destroy (&self->lock);
    free (self->name);
    free (self);
}

static covey_err_t
s_check_stopped (const covey_node_t *self, const char *what)
{
    if (self->is_running)
        return covey_fail (covey_errbuf (), COVEY_STATE,
                           "%s of node %s: it runs already; set it before "
                           "start",
                           what, self->name);
    return COVEY_OK;
}

static void
s_take_name (covey_node_t *self)
{
    const char *name = covey_options_text (self->options, "name");
    if (name) {
        free (self->name);
        self->name = covey_str_dup (name);
        self->name_is_made_up = false;
    }
}

covey_err_t
covey_node_set (covey_node_t *self, const char *key, const char *value)
{
    assert (self && key && value);
    pthread_mutex_lock (&self->lock);
    covey_err_t rc = s_check_stopped (self, key);
    if (rc == COVEY_OK)
        rc = covey_options_set (self->options, key, value, COVEY_FROM_CALL,
                                covey_errbuf ());
    if (rc == COVEY_OK)
        s_take_name (self);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

covey_err_t
covey_node_configure (covey_node_t *self, const covey_options_t *values)
{
    assert (self && values);
    covey_err_t rc = COVEY_OK;
    pthread_mutex_lock (&self->lock);
    rc = s_check_stopped (self, "settings");
    for (const covey_opt_t *opt = covey_node_settings (); opt->flag && !rc;
         opt++) {
        covey_opt_origin_t origin = covey_options_origin (values, opt->flag);
        if (origin <= COVEY_FROM_DEFAULT)
            continue;
        for (size_t i = 0; i < covey_options_count (values, opt->flag) && !rc;
             i++)
            rc = covey_options_set (self->options, opt->key,
                                    covey_options_item (values, opt->flag, i),
                                    origin, covey_errbuf ());
    }
    if (rc == COVEY_OK)
        s_take_name (self);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Start                                                                     */

static void
s_take_size (const covey_options_t *options, const char *name, size_t *size_p)
{
    if (covey_options_is_set (options, name))
        *size_p = (size_t)covey_options_int (options, name);
}

static void
s_take_limits (const covey_options_t *options, covey_node_config_t *config)
{
    config->heartbeat_ms = (int)covey_options_int (options, "heartbeat");
    config->probe_ms = (int)covey_options_int (options, "probe-interval");
    config->probe_timeout_ms =
        (int)covey_options_int (options, "probe-timeout");
    config->suspicion_mult = (int)covey_options_int (options, "suspicion-mult");
    config->gossip_ms = (int)covey_options_int (options, "gossip-interval");
    config->sync_ms = (int)covey_options_int (options, "sync-interval");
    s_take_size (options, "outbox-events", &config->outbox_events_max);
    s_take_size (options, "outbox-bytes", &config->outbox_bytes_max);
    s_take_size (options, "link-events", &config->link_events_max);
    s_take_size (options, "link-bytes", &config->link_bytes_max);
    s_take_size (options, "session-events", &config->session_events_max);
    s_take_size (options, "session-bytes", &config->session_bytes_max);
    s_take_size (options, "agents-max", &config->sessions_max);
    config->stall_ms = (int)covey_options_int (options, "stall-after");
    config->grace_max_ms = (int)covey_options_int (options, "grace-max");
    s_take_size (options, "nodes-max", &config->peers_max);
    s_take_size (options, "replay-events", &config->replay_events_max);
    s_take_size (options, "replay-bytes", &config->replay_bytes_max);
}

static void
s_peers_path (const covey_node_t *self, char *path, size_t size)
{
    snprintf (path, size, "%s/peers", covey_datadir_path (self->dir));
}

/*  Whom it met before. One that joined a mesh stays what it was there when it
    is started again without a word of joining: a second coordinator would be a
    second mesh. A file that cannot be used is no reason not to start.        */
static void
s_remember (covey_node_t *self, covey_settings_t *settings,
            covey_addressbook_t *known)
{
    char path[PEERS_PATH_MAX];
    covey_errbuf_t err;
    covey_addressbook_init (known, "", "");
    if (!self->dir)
        return;
    s_peers_path (self, path, sizeof path);
    covey_err_t rc = covey_addressbook_load (path, known, &err);
    if (!rc &&
        strcmp (known->mesh, covey_options_text (self->options, "mesh")) != 0)
        rc = covey_fail (&err, COVEY_DENIED, "it is of mesh \"%.64s\"",
                         known->mesh);
    if (rc) {
        covey_addressbook_init (known, "", "");
        covey_log_quoted_t reason;
        if (rc != COVEY_NOTFOUND)
            covey_log_write (self->log, COVEY_LOG_WARN, "node",
                             "peers_file_ignored", "path=%s reason=%s", path,
                             covey_log_quote (&reason, err.text));
        return;
    }
    if (!known->count || covey_options_count (self->options, "join") ||
        covey_options_is_set (self->options, "roles"))
        return;
    settings->is_coordinator =
        strstr (known->roles, COVEY_SERVICE_COORDINATOR) != NULL;
    settings->is_persister =
        strstr (known->roles, COVEY_SERVICE_PERSISTER) != NULL;
}

static covey_err_t
s_start_actor (covey_node_t *self, const covey_settings_t *settings,
               const covey_addressbook_t *known)
{
    covey_node_config_t config;
    covey_node_config_init (&config);
    config.node_id = self->id;
    config.name = self->name;
    config.mesh = covey_options_text (self->options, "mesh");
    config.host = settings->host;
    config.advertise = covey_options_text (self->options, "advertise");
    config.port = settings->port;
    config.pub_port = settings->pub_port;
    config.interfaces = settings->interfaces;
    config.interface_count = settings->interface_count;
    config.beacon_port = settings->beacon_port;
    config.persist_all = covey_options_flag (self->options, "persist-all");
    config.persist_types = settings->persist_types;
    config.persist_type_count = settings->persist_type_count;
    s_take_limits (self->options, &config);
    config.log = self->log;

    const char *sessions[2];
    if (self->dir)
        sessions[config.session_count++] = covey_datadir_session (self->dir);
    if (*settings->session_tcp)
        sessions[config.session_count++] = settings->session_tcp;
    config.sessions = sessions;

    const char *roles[2];
    if (settings->is_coordinator)
        roles[config.role_count++] = COVEY_SERVICE_COORDINATOR;
    if (settings->is_persister)
        roles[config.role_count++] = COVEY_SERVICE_PERSISTER;
    config.roles = roles;
    config.known = known;
    char path[PEERS_PATH_MAX];
    if (self->dir) {
        s_peers_path (self, path, sizeof path);
        config.known_path = path;
    }

    const char *joins[COVEY_LIST_MAX];
    config.join_count = covey_options_count (self->options, "join");
    for (size_t i = 0; i < config.join_count; i++)
        joins[i] = covey_options_item (self->options, "join", i);
    config.joins = joins;
    return covey_node_actor_new (&config, &self->actor, covey_errbuf ());
}

static covey_err_t
s_start_persister (covey_node_t *self, const covey_settings_t *settings)
{
    covey_persister_config_t config;
    covey_persister_config_init (&config);
    config.node_id = self->id;
    config.node_name = self->name;
    config.endpoint = covey_node_actor_inproc (self->actor);
    config.data_dir = self->dir ? covey_datadir_path (self->dir) : NULL;
    config.persist_all = covey_options_flag (self->options, "persist-all");
    config.persist_types = settings->persist_types;
    config.persist_type_count = settings->persist_type_count;
    config.retention_days =
        (int)covey_options_int (self->options, "retention-days");
    config.batch_rows = (int)covey_options_int (self->options, "batch-size");
    config.batch_ms = (int)covey_options_int (self->options, "batch-wait");
    config.log = self->log;
    return covey_persister_actor_new (&config, SERVICE_MS, &self->persister,
                                      covey_errbuf ());
}

static void
s_on_decided (void *arg, uint64_t epoch, int64_t until_ms)
{
    covey_persister_actor_set_role (arg, epoch, until_ms);
}

static covey_err_t
s_start_keeper (covey_node_t *self)
{
    const covey_role_keeper_config_t config = {
        .role = COVEY_SERVICE_PERSISTER,
        .node_id = self->id,
        .name = self->name,
        .endpoint = covey_node_actor_inproc (self->actor),
        .arg = self->persister,
        .decided = s_on_decided};
    self->keeper = covey_role_keeper_new (&config);
    return self->keeper ? COVEY_OK
                        : covey_fail (covey_errbuf (), COVEY_LIMIT,
                                      "no further thread can be started");
}

/*  A node that joins others, or met some, is part of a mesh that has a log, or
    had one: another one of its own would decide what was decided there.      */
static covey_err_t
s_start_coordinator (covey_node_t *self, const covey_addressbook_t *known)
{
    covey_coordinator_config_t config = {
        .node_id = self->id,
        .node_name = self->name,
        .endpoint = covey_node_actor_inproc (self->actor),
        .data_dir = self->dir ? covey_datadir_path (self->dir) : NULL,
        .found = !covey_options_count (self->options, "join") && !known->count,
        .election_ms = covey_options_int (self->options, "election-timeout"),
        .replace_ms = covey_options_int (self->options, "replace-after"),
        .log = self->log};
    return covey_coordinator_actor_new (&config, SERVICE_MS, &self->coordinator,
                                        covey_errbuf ());
}

static void
s_open_log (covey_node_t *self)
{
    covey_log_level_t level;
    const char *text = covey_options_text (self->options, "log-level");
    if (covey_log_parse_level (text, &level))
        self->log = covey_log_new (STDERR_FILENO, level);
}

static covey_err_t
s_start_all (covey_node_t *self, covey_settings_t *settings)
{
    const char *data = covey_options_text (self->options, "data");
    s_open_log (self);
    covey_err_t rc = COVEY_OK;
    if (data) {
        rc = covey_datadir_open (data, &self->dir, covey_errbuf ());
        if (rc == COVEY_OK)
            s_set_id (self, covey_datadir_node_id (self->dir));
    }
    covey_addressbook_t known;
    if (rc == COVEY_OK) {
        s_remember (self, settings, &known);
        rc = s_start_actor (self, settings, &known);
    }
    if (rc == COVEY_OK && settings->is_persister)
        rc = s_start_persister (self, settings);
    if (rc == COVEY_OK && settings->is_coordinator)
        rc = s_start_coordinator (self, &known);
    if (rc == COVEY_OK && settings->is_persister)
        rc = s_start_keeper (self);
    return rc;
}

/*  Ends what runs; TIMEOUT when the node could not hand over everything.     */
static covey_err_t
s_stop_all (covey_node_t *self, int timeout_ms)
{
    covey_err_t rc = COVEY_OK;
    covey_agent_destroy (&self->client);
    covey_role_keeper_destroy (&self->keeper);
    covey_coordinator_actor_destroy (&self->coordinator);
    if (self->actor)
        rc = covey_node_actor_stop (self->actor, timeout_ms);
    covey_persister_actor_destroy (&self->persister);
    covey_node_actor_destroy (&self->actor);
    covey_datadir_close (&self->dir);
    covey_log_destroy (&self->log);
    self->is_running = false;
    if (rc)
        rc = covey_fail (covey_errbuf (), rc,
                         "node %s stopped after %d ms, and something was still "
                         "unsent",
                         self->name, timeout_ms);
    return rc;
}

covey_err_t
covey_node_start (covey_node_t *self, int timeout_ms)
{
    assert (self);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_settings_t settings;
    pthread_mutex_lock (&self->lock);
    covey_err_t rc = s_check_stopped (self, "start");
    if (rc) {
        pthread_mutex_unlock (&self->lock);
        return rc;
    }
    rc = covey_settings_resolve (self->options, &settings, covey_errbuf ());
    if (rc == COVEY_OK)
        rc = s_start_all (self, &settings);
    if (rc) {
        covey_errbuf_t kept = *covey_errbuf ();
        (void)s_stop_all (self, 0); /* the start's failure is what counts    */
        *covey_errbuf () = kept;
        pthread_mutex_unlock (&self->lock);
        return rc;
    }
    self->is_running = true;
    pthread_mutex_unlock (&self->lock);
    if (covey_options_count (self->options, "join") == 0)
        return COVEY_OK;
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    rc = covey_node_actor_wait_nodes (
        self->actor, 2, left_ms > 0 ? (int)left_ms : 0, covey_errbuf ());
    if (rc == COVEY_TIMEOUT)
        rc = covey_fail (
            covey_errbuf (), rc,
            "node %s runs, but none of the nodes to join (%s%s) "
            "answered within %d ms; it goes on trying",
            self->name, covey_options_item (self->options, "join", 0),
            covey_options_count (self->options, "join") > 1 ? ", ..." : "",
            timeout_ms);
    return rc;
}

covey_err_t
covey_node_drain (covey_node_t *self, int timeout_ms)
{
    assert (self);
    size_t unfinished = 0;
    pthread_mutex_lock (&self->lock);
    covey_err_t rc =
        self->is_running
            ? covey_node_actor_drain (self->actor, timeout_ms, &unfinished)
            : COVEY_OK;
    if (rc)
        rc = covey_fail (covey_errbuf (), rc,
                         "node %s: after %d ms its agents have %zu events that "
                         "they are not done with, or something is on its way "
                         "to other nodes",
                         self->name, timeout_ms, unfinished);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

int
covey_node_leave_fd (const covey_node_t *self)
{
    assert (self);
    return self->actor ? covey_node_actor_leave_fd (self->actor) : -1;
}

covey_err_t
covey_node_stop (covey_node_t *self, int timeout_ms)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    covey_err_t rc =
        self->is_running ? s_stop_all (self, timeout_ms) : COVEY_OK;
    pthread_mutex_unlock (&self->lock);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Properties                                                                */

const char *
covey_node_id (const covey_node_t *self)
{
    assert (self);
    return self->id_text;
}

const char *
covey_node_name (const covey_node_t *self)
{
    assert (self);
    return self->name;
}

const char *
covey_node_endpoint (const covey_node_t *self)
{
    assert (self);
    return self->actor ? covey_node_actor_endpoint (self->actor) : "";
}

const char *
covey_node_session_endpoint (const covey_node_t *self)
{
    assert (self);
    return self->actor ? covey_node_actor_session (self->actor) : "";
}

static covey_err_t
s_check_running (const covey_node_t *self)
{
    if (!self->actor)
        return covey_fail (covey_errbuf (), COVEY_STATE,
                           "node %s does not run; start it first", self->name);
    return COVEY_OK;
}

covey_err_t
covey_node_wait_nodes (covey_node_t *self, size_t count, int timeout_ms)
{
    assert (self);
    covey_err_t rc = s_check_running (self);
    return rc ? rc
              : covey_node_actor_wait_nodes (self->actor, count, timeout_ms,
                                             covey_errbuf ());
}

covey_err_t
covey_node_wait_agents (covey_node_t *self, size_t count, int timeout_ms)
{
    assert (self);
    covey_err_t rc = s_check_running (self);
    return rc ? rc
              : covey_node_actor_wait_agents (self->actor, count, timeout_ms,
                                              covey_errbuf ());
}

covey_err_t
covey_agent_attach (covey_agent_t *self, covey_node_t *node, int timeout_ms)
{
    assert (self && node);
    covey_err_t rc = s_check_running (node);
    if (rc)
        return rc;
    return covey_agent_connect (self, covey_node_actor_inproc (node->actor),
                                timeout_ms);
}

/* ------------------------------------------------------------------------ */
/*  Status                                                                    */

static covey_err_t
s_make_client (covey_node_t *self)
{
    if (self->client)
        return COVEY_OK;
    char id[64];
    snprintf (id, sizeof id, "status:%s", self->id_text);
    covey_agent_t *client = covey_agent_new (id, "status");
    if (!client)
        return COVEY_LIMIT;
    covey_err_t rc = covey_agent_set_client (client, true);
    if (rc == COVEY_OK)
        rc = covey_agent_connect (client, covey_node_actor_inproc (self->actor),
                                  STOP_MS);
    if (rc)
        covey_agent_destroy (&client);
    self->client = client;
    return rc;
}

char *
covey_node_status (covey_node_t *self, int timeout_ms)
{
    assert (self);
    char *json = NULL;
    pthread_mutex_lock (&self->lock);
    covey_err_t rc = s_check_running (self);
    if (rc == COVEY_OK)
        rc = s_make_client (self);
    if (rc == COVEY_OK)
        rc = covey_i_status (self->client, timeout_ms, &json, covey_errbuf ());
    pthread_mutex_unlock (&self->lock);
    return rc == COVEY_OK ? json : NULL;
}
