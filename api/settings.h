/*  settings - every setting of a node, in one table

    Role      the table behind covey_node_set, `covey up`, its --help, the
              environment and covey.conf; and the checks that need more than
              one value
    Use       a command with further options puts COVEY_NODE_SETTINGS in front
              of its own entries and hands all values to covey_node_configure
*/
#ifndef COVEY_SETTINGS_H_INCLUDED
#define COVEY_SETTINGS_H_INCLUDED

#include "base/options.h"
#include "node/interface.h"

#define COVEY_DEFAULT_PORT 7400
#define COVEY_SESSION_PORT 7402

/*  flag, letter, env, key, kind, default, min, max, choices, value, doc      */
#define COVEY_NODE_SETTINGS                                                    \
    {.flag = "name",                                                           \
     .letter = 'n',                                                            \
     .env = "COVEY_NAME",                                                      \
     .key = "name",                                                            \
     .kind = COVEY_OPT_TEXT,                                                   \
     .min = 1,                                                                 \
     .max = COVEY_NAME_MAX,                                                    \
     .value = "NAME",                                                          \
     .doc = "name of this node; default: made up"},                            \
        {.flag = "mesh",                                                       \
         .env = "COVEY_MESH",                                                  \
         .key = "mesh",                                                        \
         .kind = COVEY_OPT_TEXT,                                               \
         .def = "covey",                                                       \
         .min = 1,                                                             \
         .max = COVEY_NAME_MAX,                                                \
         .value = "NAME",                                                      \
         .doc = "name of the mesh; nodes of another mesh are refused"},        \
        {.flag = "listen",                                                     \
         .letter = 'l',                                                        \
         .env = "COVEY_LISTEN",                                                \
         .key = "listen",                                                      \
         .kind = COVEY_OPT_TEXT,                                               \
         .def = "127.0.0.1:7400",                                              \
         .min = 1,                                                             \
         .max = COVEY_NAME_MAX,                                                \
         .value = "ADDR[:PORT]",                                               \
         .doc = "where other nodes connect; port 0 takes a free one"},         \
        {.flag = "pub-port",                                                   \
         .env = "COVEY_PUB_PORT",                                              \
         .key = "pubPort",                                                     \
         .kind = COVEY_OPT_INT,                                                \
         .min = 0,                                                             \
         .max = 65535,                                                         \
         .value = "PORT",                                                      \
         .doc = "port for broadcasts; default: the port of listen + 1"},       \
        {.flag = "advertise",                                                  \
         .env = "COVEY_ADVERTISE",                                             \
         .key = "advertise",                                                   \
         .kind = COVEY_OPT_TEXT,                                               \
         .min = 1,                                                             \
         .max = COVEY_NAME_MAX,                                                \
         .value = "HOST",                                                      \
         .doc = "address that other nodes are told; default: listen's"},       \
        {.flag = "join",                                                       \
         .letter = 'j',                                                        \
         .env = "COVEY_JOIN",                                                  \
         .key = "join",                                                        \
         .kind = COVEY_OPT_LIST,                                               \
         .max = COVEY_NAME_MAX,                                                \
         .value = "HOST:PORT",                                                 \
         .doc = "a node of the mesh to join; one is enough, may be repeated"}, \
        {.flag = "interface",                                                  \
         .env = "COVEY_INTERFACE",                                             \
         .key = "interface",                                                   \
         .kind = COVEY_OPT_LIST,                                               \
         .min = 1,                                                             \
         .max = 15,                                                            \
         .value = "NAME",                                                      \
         .doc = "network interface to use: to listen on unless listen is "     \
                "set, to advertise, for beacons; may be repeated"},            \
        {.flag = "beacon",                                                     \
         .env = "COVEY_BEACON",                                                \
         .key = "beacon",                                                      \
         .kind = COVEY_OPT_FLAG,                                               \
         .def = "false",                                                       \
         .doc = "find the nodes of this mesh on the local network, and be "    \
                "found, by UDP broadcasts"},                                   \
        {.flag = "beacon-port",                                                \
         .env = "COVEY_BEACON_PORT",                                           \
         .key = "beaconPort",                                                  \
         .kind = COVEY_OPT_INT,                                                \
         .def = "7403",                                                        \
         .min = 1,                                                             \
         .max = 65535,                                                         \
         .value = "PORT",                                                      \
         .doc = "UDP port of the beacons, the same for the whole mesh"},       \
        {.flag = "data",                                                       \
         .letter = 'd',                                                        \
         .env = "COVEY_DATA",                                                  \
         .key = "data",                                                        \
         .kind = COVEY_OPT_TEXT,                                               \
         .min = 1,                                                             \
         .max = 3072,                                                          \
         .value = "DIR",                                                       \
         .doc = "folder for all that this node keeps"},                        \
        {.flag = "roles",                                                      \
         .env = "COVEY_ROLES",                                                 \
         .key = "roles",                                                       \
         .kind = COVEY_OPT_LIST,                                               \
         .max = COVEY_NAME_MAX,                                                \
         .value = "ROLE",                                                      \
         .doc = "coordinator, persister or none; default: those it had when "  \
                "it met others; else both, or coordinator alone, as a spare, " \
                "for a node that joins others"},                               \
        {.flag = "election-timeout",                                           \
         .env = "COVEY_ELECTION_TIMEOUT",                                      \
         .key = "electionTimeout",                                             \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "500",                                                         \
         .min = 50,                                                            \
         .max = 60000,                                                         \
         .value = "MS",                                                        \
         .doc = "silence of the coordinator that leads after which another "   \
                "one is elected; the same on all nodes"},                      \
        {.flag = "replace-after",                                              \
         .env = "COVEY_REPLACE_AFTER",                                         \
         .key = "replaceAfter",                                                \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "5m",                                                          \
         .min = 0,                                                             \
         .max = 604800000,                                                     \
         .value = "MS",                                                        \
         .doc = "a coordinator that is silent for so long is replaced by a "   \
                "spare one; 0: never"},                                        \
        {.flag = "session-tcp",                                                \
         .env = "COVEY_SESSION_TCP",                                           \
         .key = "sessionTcp",                                                  \
         .kind = COVEY_OPT_TEXT,                                               \
         .min = 1,                                                             \
         .max = COVEY_NAME_MAX,                                                \
         .value = "ADDR[:PORT]",                                               \
         .doc = "agents may attach over TCP here too"},                        \
        {.flag = "heartbeat",                                                  \
         .env = "COVEY_HEARTBEAT",                                             \
         .key = "heartbeat",                                                   \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "500",                                                         \
         .min = 20,                                                            \
         .max = 60000,                                                         \
         .value = "MS",                                                        \
         .doc = "how often what a node did not confirm is repeated"},          \
        {.flag = "probe-interval",                                             \
         .env = "COVEY_PROBE_INTERVAL",                                        \
         .key = "probeInterval",                                               \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "1s",                                                          \
         .min = 20,                                                            \
         .max = 60000,                                                         \
         .value = "MS",                                                        \
         .doc = "how often a node checks whether one other lives"},            \
        {.flag = "probe-timeout",                                              \
         .env = "COVEY_PROBE_TIMEOUT",                                         \
         .key = "probeTimeout",                                                \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "500",                                                         \
         .min = 10,                                                            \
         .max = 30000,                                                         \
         .value = "MS",                                                        \
         .doc = "without answer by then, others check it, too"},               \
        {.flag = "suspicion-mult",                                             \
         .env = "COVEY_SUSPICION_MULT",                                        \
         .key = "suspicionMult",                                               \
         .kind = COVEY_OPT_INT,                                                \
         .def = "3",                                                           \
         .min = 1,                                                             \
         .max = 100,                                                           \
         .value = "N",                                                         \
         .doc = "probe intervals that a suspect has to answer"},               \
        {.flag = "gossip-interval",                                            \
         .env = "COVEY_GOSSIP_INTERVAL",                                       \
         .key = "gossipInterval",                                              \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "200",                                                         \
         .min = 10,                                                            \
         .max = 60000,                                                         \
         .value = "MS",                                                        \
         .doc = "how often news of nodes are passed on"},                      \
        {.flag = "sync-interval",                                              \
         .env = "COVEY_SYNC_INTERVAL",                                         \
         .key = "syncInterval",                                                \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "30s",                                                         \
         .min = 100,                                                           \
         .max = 3600000,                                                       \
         .value = "MS",                                                        \
         .doc = "how often two nodes compare all they know"},                  \
        {.flag = "persist-all",                                                \
         .env = "COVEY_PERSIST_ALL",                                           \
         .key = "persistAll",                                                  \
         .kind = COVEY_OPT_FLAG,                                               \
         .def = "true",                                                        \
         .doc =                                                                \
             "store every event; --no-persist-all: only persist-types, and "   \
             "no outbox for others"},                                          \
        {.flag = "persist-types",                                              \
         .env = "COVEY_PERSIST_TYPES",                                         \
         .key = "persistTypes",                                                \
         .kind = COVEY_OPT_LIST,                                               \
         .max = COVEY_NAME_MAX,                                                \
         .value = "TYPE",                                                      \
         .doc = "event types to store when persist-all is off"},               \
        {.flag = "retention-days",                                             \
         .env = "COVEY_RETENTION_DAYS",                                        \
         .key = "retentionDays",                                               \
         .kind = COVEY_OPT_INT,                                                \
         .def = "30",                                                          \
         .min = 0,                                                             \
         .max = 36500,                                                         \
         .value = "DAYS",                                                      \
         .doc = "stored events are deleted after this; 0 keeps all"},          \
        {.flag = "batch-size",                                                 \
         .env = "COVEY_BATCH_SIZE",                                            \
         .key = "batchSize",                                                   \
         .kind = COVEY_OPT_INT,                                                \
         .def = "500",                                                         \
         .min = 1,                                                             \
         .max = 10000,                                                         \
         .value = "N",                                                         \
         .doc = "events that the journal commits at once, at most"},           \
        {.flag = "batch-wait",                                                 \
         .env = "COVEY_BATCH_WAIT",                                            \
         .key = "batchWait",                                                   \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "5",                                                           \
         .min = 0,                                                             \
         .max = 1000,                                                          \
         .value = "MS",                                                        \
         .doc = "how long the journal waits for a batch to fill"},             \
        {.flag = "outbox-events",                                              \
         .env = "COVEY_OUTBOX_EVENTS",                                         \
         .key = "outboxEvents",                                                \
         .kind = COVEY_OPT_INT,                                                \
         .min = 16,                                                            \
         .max = 10000000,                                                      \
         .value = "N",                                                         \
         .doc = "events that may wait for the persister"},                     \
        {.flag = "outbox-bytes",                                               \
         .env = "COVEY_OUTBOX_BYTES",                                          \
         .key = "outboxBytes",                                                 \
         .kind = COVEY_OPT_SIZE,                                               \
         .min = 1048576,                                                       \
         .max = 17179869184,                                                   \
         .value = "SIZE",                                                      \
         .doc = "bytes of events that may wait for the persister"},            \
        {.flag = "session-events",                                             \
         .env = "COVEY_SESSION_EVENTS",                                        \
         .key = "sessionEvents",                                               \
         .kind = COVEY_OPT_INT,                                                \
         .min = 16,                                                            \
         .max = 10000000,                                                      \
         .value = "N",                                                         \
         .doc = "events that may wait for one agent"},                         \
        {.flag = "session-bytes",                                              \
         .env = "COVEY_SESSION_BYTES",                                         \
         .key = "sessionBytes",                                                \
         .kind = COVEY_OPT_SIZE,                                               \
         .min = 1048576,                                                       \
         .max = 17179869184,                                                   \
         .value = "SIZE",                                                      \
         .doc = "bytes of events that may wait for one agent"},                \
        {.flag = "link-events",                                                \
         .env = "COVEY_LINK_EVENTS",                                           \
         .key = "linkEvents",                                                  \
         .kind = COVEY_OPT_INT,                                                \
         .min = 16,                                                            \
         .max = 10000000,                                                      \
         .value = "N",                                                         \
         .doc = "events that may wait for one other node"},                    \
        {.flag = "link-bytes",                                                 \
         .env = "COVEY_LINK_BYTES",                                            \
         .key = "linkBytes",                                                   \
         .kind = COVEY_OPT_SIZE,                                               \
         .min = 1048576,                                                       \
         .max = 17179869184,                                                   \
         .value = "SIZE",                                                      \
         .doc = "bytes of events that may wait for one other node"},           \
        {.flag = "agents-max",                                                 \
         .env = "COVEY_AGENTS_MAX",                                            \
         .key = "agentsMax",                                                   \
         .kind = COVEY_OPT_INT,                                                \
         .min = 1,                                                             \
         .max = 1000000,                                                       \
         .value = "N",                                                         \
         .doc = "agents that may attach to this node"},                        \
        {.flag = "stall-after",                                                \
         .env = "COVEY_STALL_AFTER",                                           \
         .key = "stallAfter",                                                  \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "30s",                                                         \
         .min = 100,                                                           \
         .max = 86400000,                                                      \
         .value = "MS",                                                        \
         .doc = "an agent that has work and does nothing so long is stalled"}, \
        {.flag = "grace-max",                                                  \
         .env = "COVEY_GRACE_MAX",                                             \
         .key = "graceMax",                                                    \
         .kind = COVEY_OPT_MS,                                                 \
         .def = "10m",                                                         \
         .min = 3000,                                                          \
         .max = 86400000,                                                      \
         .value = "MS",                                                        \
         .doc = "silence that an agent may ask to be forgiven, at most"},      \
        {.flag = "nodes-max",                                                  \
         .env = "COVEY_NODES_MAX",                                             \
         .key = "nodesMax",                                                    \
         .kind = COVEY_OPT_INT,                                                \
         .min = 1,                                                             \
         .max = 10000,                                                         \
         .value = "N",                                                         \
         .doc = "nodes that this one knows at most"},                          \
        {.flag = "replay-events",                                              \
         .env = "COVEY_REPLAY_EVENTS",                                         \
         .key = "replayEvents",                                                \
         .kind = COVEY_OPT_INT,                                                \
         .min = 0,                                                             \
         .max = 10000000,                                                      \
         .value = "N",                                                         \
         .doc = "broadcasts kept to repair what others missed"},               \
        {.flag = "replay-bytes",                                               \
         .env = "COVEY_REPLAY_BYTES",                                          \
         .key = "replayBytes",                                                 \
         .kind = COVEY_OPT_SIZE,                                               \
         .min = 0,                                                             \
         .max = 17179869184,                                                   \
         .value = "SIZE",                                                      \
         .doc = "bytes of broadcasts kept for repair"},                        \
    {                                                                          \
        .flag = "log-level", .env = "COVEY_LOG_LEVEL", .key = "logLevel",      \
        .kind = COVEY_OPT_CHOICE, .def = "off",                                \
        .choices = "off|error|warn|info|debug", .value = "LEVEL",              \
        .doc = "what is written to stderr; covey up: warn unless set"          \
    }

/*  The table of a node alone.                                               */
const covey_opt_t *covey_node_settings (void);

/*  Take over every node setting that `values` has a value for, with its
    origin. `values` may be of a larger table. STATE once the node started.   */
covey_err_t covey_node_configure (covey_node_t *self,
                                  const covey_options_t *values);

/*  What a node will run with, after all checks: the role is on, the address
    without port, the port. INVALID names the setting and where it came from. */
typedef struct {
    char host[COVEY_NAME_MAX + 1];
    int port;
    int pub_port;
    char session_tcp[COVEY_NAME_MAX + 32]; /* "tcp://HOST:PORT" or ""         */
    bool is_coordinator, is_persister;
    int persist_types[64];
    size_t persist_type_count;
    covey_interface_t interfaces[COVEY_INTERFACES_MAX]; /* by _choose         */
    size_t interface_count;
    int beacon_port; /* 0: no beacon                                          */
} covey_settings_t;

covey_err_t covey_settings_check (const covey_options_t *values,
                                  covey_settings_t *settings,
                                  covey_errbuf_t *err);

/*  After the check: which of these interfaces the node uses, and the address
    that follows from it. INVALID lists the candidates.                       */
covey_err_t covey_settings_choose (const covey_options_t *values,
                                   const covey_interface_t *list, size_t count,
                                   covey_settings_t *settings,
                                   covey_errbuf_t *err);
/*  Both, with the interfaces that this host has now.                        */
covey_err_t covey_settings_resolve (const covey_options_t *values,
                                    covey_settings_t *settings,
                                    covey_errbuf_t *err);

/*  "HOST:PORT", "HOST", "[V6]:PORT", "V6" -> host and port.                  */
bool covey_settings_address (const char *text, int default_port, char *host,
                             size_t host_size, int *port_p);

#endif
