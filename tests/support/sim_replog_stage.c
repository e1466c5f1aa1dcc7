#include "tests/support/sim_replog_stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/sim_replog_impl.h"

/* ---- messages ---------------------------------------------------------------
 */

static bool
s_on_send (void *arg, size_t from, size_t to, const void *data, size_t size)
{
    stage_t *stage = arg;
    covey_replog_message_t message;
    if (covey_replog_wire_read (data, size, &message)) {
        sim_book_break (&stage->sim->book, "place %zu sends what is no message",
                        from);
        return true;
    }
    uint32_t kind = STAGE_KIND (message.kind);
    if (stage->sim->talks)
        sim_replog_note (
            stage->sim,
            "  %zu>%zu kind %d term %llu index %llu n %u commit "
            "%llu %s%s%s",
            from, to, (int)message.kind, (unsigned long long)message.term,
            (unsigned long long)message.index, message.entry_count,
            (unsigned long long)message.commit, message.pre ? "pre " : "",
            message.yes ? "yes" : "", message.rejected ? "rejected" : "");
    bool stands = message.kind == COVEY_REPLOG_VOTE;
    if (stage->drop[from][to] & kind)
        return true;
    if (stands && !message.pre && stage->ballots_lost)
        return true;
    if (stands && stage->candidate != SIM_REPLOG_NOBODY &&
        stage->candidate != from)
        return true;
    if (message.kind == COVEY_REPLOG_APPEND && message.entry_count &&
        stage->empty[from][to])
        return true;
    bool keep = stage->keep[from][to] & kind;
    if (!keep && !(stage->copy[from][to] & kind))
        return false;
    /* whether somebody would vote is not kept back: it changes nothing */
    if (message.kind == COVEY_REPLOG_VOTED && message.pre)
        return false;
    if (stage->kept_count < STAGE_KEPT_MAX)
        stage->kept[stage->kept_count++] =
            (stage_kept_t){from, to, size, covey_mem_dup (data, size)};
    return keep;
}

void
stage_drop (stage_t *stage, size_t from, size_t to, uint32_t kinds)
{
    stage->drop[from][to] = kinds;
}

void
stage_keep (stage_t *stage, size_t from, size_t to, uint32_t kinds)
{
    stage->keep[from][to] = kinds;
}

void
stage_copy (stage_t *stage, size_t from, size_t to, uint32_t kinds)
{
    stage->copy[from][to] = kinds;
}

void
stage_cut (stage_t *stage, size_t a, size_t b, bool cut)
{
    stage->drop[a][b] = stage->drop[b][a] = cut ? STAGE_ALL : 0;
}

void
stage_isolate (stage_t *stage, size_t place, bool cut)
{
    for (size_t i = 0; i < stage->sim->config.places; i++)
        stage_cut (stage, place, i, cut);
}

void
stage_release (stage_t *stage, int times)
{
    for (size_t i = 0; i < stage->kept_count; i++)
        for (int k = 0; k < times; k++)
            sim_replog_deliver (stage->sim, stage->kept[i].from,
                                stage->kept[i].to, stage->kept[i].data,
                                stage->kept[i].size);
    stage_forget (stage);
}

void
stage_release_of (stage_t *stage, size_t from)
{
    size_t left = 0;
    for (size_t i = 0; i < stage->kept_count; i++) {
        stage_kept_t *one = &stage->kept[i];
        if (one->from != from) {
            stage->kept[left++] = *one;
            continue;
        }
        sim_replog_deliver (stage->sim, from, one->to, one->data, one->size);
        free (one->data);
    }
    stage->kept_count = left;
}

void
stage_trickle (stage_t *stage)
{
    stage_kept_t one = stage->kept[0];
    if (!stage->kept_count)
        return;
    memmove (stage->kept, stage->kept + 1,
             --stage->kept_count * sizeof *stage->kept);
    sim_replog_deliver (stage->sim, one.from, one.to, one.data, one.size);
    free (one.data);
}

void
stage_forget (stage_t *stage)
{
    for (size_t i = 0; i < stage->kept_count; i++)
        free (stage->kept[i].data);
    stage->kept_count = 0;
}

/* ---- waiting ----------------------------------------------------------------
 */

bool
stage_until (stage_t *stage, stage_is_fn *is, size_t place, int64_t ms)
{
    for (int64_t i = 0; i < ms && !sim_replog_is_broken (stage->sim); i++) {
        if (is (stage, place))
            return true;
        sim_replog_run (stage->sim, SIM_MS);
    }
    return false;
}

static bool
s_never (stage_t *stage, size_t place)
{
    (void)stage;
    (void)place;
    return false;
}

void
stage_run (stage_t *stage, int64_t ms)
{
    (void)stage_until (stage, s_never, 0, ms);
}

bool
stage_until_last (stage_t *stage, size_t place, uint64_t index, int64_t ms)
{
    for (int64_t i = 0; i < ms && stage_last (stage, place) < index; i++)
        stage_run (stage, 1);
    return stage_last (stage, place) >= index;
}

bool
stage_leads (stage_t *stage, size_t place)
{
    return stage->sim->members[place].leads;
}

/*  By its disk: it voted for itself and stored something in that term.      */
bool
stage_is_elected (stage_t *stage, size_t place)
{
    const sim_disk_t *disk = stage->sim->members[place].disk;
    const covey_replog_meta_t *meta = sim_disk_meta (disk);
    const sim_record_t *last = sim_disk_find (disk, sim_disk_last (disk));
    if (stage_leads (stage, place))
        return true;
    return stage->sim->members[place].log && last &&
           meta->voted_for == meta->member_id && last->term == meta->term &&
           meta->term > stage->term;
}

bool
stage_has_kept (stage_t *stage, size_t place)
{
    for (size_t i = 0; i < stage->kept_count; i++)
        if (stage->kept[i].from == place)
            return true;
    return false;
}

bool
stage_is_idle (stage_t *stage, size_t place)
{
    const covey_replog_t *log = stage->sim->members[place].log;
    return log && covey_replog_applied (log) == covey_replog_last (log);
}

bool
stage_has_snapshot (stage_t *stage, size_t place)
{
    return sim_disk_snapshot (stage->sim->members[place].disk) > 0;
}

bool
stage_elect (stage_t *stage, size_t place)
{
    stage->candidate = place;
    stage->term = sim_disk_meta (stage->sim->members[place].disk)->term;
    for (int i = 0; i < 2; i++)
        if (stage_until (stage, stage_is_elected, place,
                         6 * stage->sim->config.election_ms))
            return true;
    return false;
}

/* ---- deeds ------------------------------------------------------------------
 */

void
stage_ask (stage_t *stage, size_t place, int times)
{
    sim_replog_t *sim = stage->sim;
    for (int i = 0; i < times; i++) {
        sim_replog_ask (sim, 0);
        sim_replog_try (sim, sim->request_count - 1, place);
    }
}

void
stage_ask_together (stage_t *stage, size_t place, int times)
{
    stage->sim->still = true;
    stage_ask (stage, place, times);
    stage->sim->still = false;
    sim_replog_pump (stage->sim, place);
}

void
stage_pause (stage_t *stage, size_t place, int64_t ms)
{
    sim_replog_pause (stage->sim, place, ms * SIM_MS);
    sim_net_set_timer (stage->sim->net, place,
                       sim_replog_now_us (stage->sim) + (ms + 20) * SIM_MS);
}

void
stage_crash (stage_t *stage, size_t place)
{
    sim_replog_crash (stage->sim, place);
}

void
stage_start (stage_t *stage, size_t place)
{
    sim_replog_start (stage->sim, place, false);
}

uint64_t
stage_last (const stage_t *stage, size_t place)
{
    return sim_disk_last (stage->sim->members[place].disk);
}

static covey_err_t
s_end_change (stage_t *stage, size_t leader, covey_err_t code)
{
    if (code)
        stage->sim->ticket_count--;
    else
        sim_replog_pump (stage->sim, leader);
    return code;
}

covey_err_t
stage_add (stage_t *stage, size_t leader, size_t place)
{
    sim_replog_t *sim = stage->sim;
    covey_errbuf_t err;
    uint64_t number;
    covey_id_t node_id = sim_place_id (place);
    if (!sim->members[leader].log)
        return COVEY_UNREACHABLE;
    (void)sim_replog_ticket (sim, SIM_TICKET_CHANGE, leader, &number);
    return s_end_change (stage, leader,
                         covey_replog_add (sim->members[leader].log,
                                           sim_replog_id (sim, place), &node_id,
                                           number, &err));
}

covey_err_t
stage_promote (stage_t *stage, size_t leader, size_t place)
{
    sim_replog_t *sim = stage->sim;
    covey_errbuf_t err;
    uint64_t number;
    if (!sim->members[leader].log)
        return COVEY_UNREACHABLE;
    (void)sim_replog_ticket (sim, SIM_TICKET_CHANGE, leader, &number);
    return s_end_change (stage, leader,
                         covey_replog_promote (sim->members[leader].log,
                                               sim_replog_id (sim, place),
                                               number, &err));
}

covey_err_t
stage_remove (stage_t *stage, size_t leader, size_t place)
{
    sim_replog_t *sim = stage->sim;
    covey_errbuf_t err;
    uint64_t number;
    if (!sim->members[leader].log)
        return COVEY_UNREACHABLE;
    (void)sim_replog_ticket (sim, SIM_TICKET_CHANGE, leader, &number);
    return s_end_change (stage, leader,
                         covey_replog_remove (sim->members[leader].log,
                                              sim_replog_id (sim, place),
                                              number, &err));
}

/* ---- life -------------------------------------------------------------------
 */

void
stage_open (stage_t *stage, const sim_replog_config_t *config, uint64_t seed,
            const sim_slips_t *slips, size_t voters)
{
    memset (stage, 0, sizeof *stage);
    stage->candidate = 0;
    stage->sim = sim_replog_new (config, seed);
    if (slips)
        stage->sim->slips = *slips;
    stage->sim->hold = s_on_send;
    stage->sim->hold_arg = stage;
    sim_replog_form (stage->sim, voters);
}

void
stage_close (stage_t *stage)
{
    stage_forget (stage);
    sim_replog_destroy (&stage->sim);
}
