/*  support_replog - members of a replicated log in one process: messages are
    carried by hand, time is set, stores are files that outlive their member

    A member keeps what it applied as text, one line per command; its snapshots
    are that text.                                                            */
#ifndef COVEY_SUPPORT_REPLOG_H_INCLUDED
#define COVEY_SUPPORT_REPLOG_H_INCLUDED

#include "coordinator/replog.h"
#include "coordinator/replog_store.h"
#include "coordinator/replog_wire.h"
#include "tests/support/support_dir.h"

#define SUPPORT_REPLOG_MEMBERS 5
#define SUPPORT_REPLOG_MAIL 20000
#define SUPPORT_REPLOG_DONE 20000

typedef struct {
    int from, to;
    void *data;
    size_t size;
} support_replog_mail_t;

typedef struct support_replog support_replog_t;

typedef struct {
    support_replog_t *net;
    int i;
    char path[160];
    covey_id_t node_id;
    covey_replog_config_t config;
    covey_replog_store_t *store;
    covey_replog_t *log; /* NULL: is down                                     */
    covey_buf_t state;   /* applied commands                                  */
    uint64_t last_applied;
    int loads;
    bool leads;
    covey_err_t pump_code;
    /* what came out of it: s(end), a(pply), w(aits) */
    char order[64];
    size_t order_size;
    /* ends of submits and reads: by ticket */
    struct {
        bool ended, applied;
        covey_err_t code;
        uint64_t index;
    } ends[SUPPORT_REPLOG_DONE];
} support_replog_member_t;

struct support_replog {
    char dir[SUPPORT_DIR_SIZE];
    int64_t now_ms;
    int count;
    support_replog_member_t members[SUPPORT_REPLOG_MEMBERS];
    support_replog_mail_t mail[SUPPORT_REPLOG_MAIL];
    size_t mail_count;
    bool cut[SUPPORT_REPLOG_MEMBERS][SUPPORT_REPLOG_MEMBERS]; /* from, to     */
    bool hold;   /* mail stays in `mail`                                      */
    size_t sent; /* messages so far                                           */
};

/*  `count` members with empty stores; the first one founds a log when it is
    opened. None is open.                                                     */
support_replog_t *support_replog_new (int count);
void support_replog_destroy (support_replog_t **self_p);
void support_replog_open (support_replog_t *self, int i);
/*  As a crash between two pumps.                                             */
void support_replog_close (support_replog_t *self, int i);
/*  Pump all that are open and carry mail until there is none.                */
void support_replog_settle (support_replog_t *self);
/*  Let time pass, 10 ms at a time.                                           */
void support_replog_run (support_replog_t *self, int64_t ms);
/*  ... until there is a leader (its number); fails after 20 s of that time.  */
int support_replog_leader (support_replog_t *self);
/*  Submit and wait until it is applied at the leader.                        */
void support_replog_command (support_replog_t *self, const char *text);
/*  ... and until all that are open have it.                                  */
void support_replog_level (support_replog_t *self);
/*  Add members 1.. to the log of member 0, and give them votes.              */
void support_replog_grow (support_replog_t *self);
/*  A change of members at the leader: what it ended with.                    */
typedef covey_err_t (support_replog_change_fn) (covey_replog_t *log,
                                                uint64_t member_id,
                                                uint64_t ticket,
                                                covey_errbuf_t *err);
covey_err_t support_replog_add (support_replog_t *self, int i);
covey_err_t support_replog_change (support_replog_t *self,
                                   support_replog_change_fn *change, int i);

#endif
