/*  What the shell begins and ends with.                                      */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

static int
s_compare (const void *a, const void *b)
{
    const covey_coordinator_item_t *x = a, *y = b;
    return x->ticket < y->ticket ? -1 : x->ticket > y->ticket;
}

void
covey_coordinator_init (covey_coordinator_t *self,
                        const covey_coordinator_config_t *config)
{
    memset (self, 0, sizeof *self);
    self->node_id = config->node_id;
    self->node_name =
        covey_str_dup (config->node_name ? config->node_name : "");
    self->endpoint = covey_str_dup (config->endpoint);
    self->found = config->found;
    self->election_ms = config->election_ms;
    self->replace_ms = config->replace_ms;
    self->log = config->log;
    if (config->data_dir) {
        covey_buf_t path;
        covey_buf_init (&path, 8192);
        covey_buf_printf (&path, "%s/control.db", config->data_dir);
        self->log_path = covey_buf_steal (&path);
        covey_buf_deinit (&path);
    }
    covey_tree_init (&self->flying, offsetof (covey_coordinator_item_t, link),
                     s_compare);
    covey_postbox_init (&self->postbox);
    covey_effects_init (&self->effects);
    covey_facts_init (&self->facts);
    covey_hearings_init (&self->hearings);
    covey_roster_init (&self->roster);
    covey_fellows_init (&self->fellows);
    self->now_ms = covey_clock_mono_ms ();
    self->now_us = covey_clock_wall_us ();
    self->care_ms = self->now_ms;
}

static void
s_drop_line (covey_coordinator_line_t *line)
{
    covey_coordinator_item_t *item;
    while ((item = covey_line_pop (line)))
        covey_coordinator_item_destroy (&item);
}

void
covey_coordinator_deinit (covey_coordinator_t *self)
{
    covey_session_destroy (&self->session);
    covey_coordinator_close (self);
    covey_coordinator_item_destroy (&self->admin.item);
    s_drop_line (&self->questions);
    s_drop_line (&self->waiting);
    for (; self->inbox_count; self->inbox_count--) {
        covey_event_destroy (&self->inbox[self->inbox_first]);
        self->inbox_first = (self->inbox_first + 1) % COVEY_SESSION_WINDOW;
    }
    covey_postbox_deinit (&self->postbox);
    covey_effects_deinit (&self->effects);
    covey_facts_deinit (&self->facts);
    covey_hearings_deinit (&self->hearings);
    covey_roster_deinit (&self->roster);
    covey_fellows_deinit (&self->fellows);
    covey_state_destroy (&self->state);
    free (self->log_path);
    free (self->endpoint);
    free (self->node_name);
}
