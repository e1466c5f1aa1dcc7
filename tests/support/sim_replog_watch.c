/*  What members call, and what is looked at after every event.               */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "coordinator/save.h"
#include "tests/support/sim_replog_impl.h"

/*  Digests read the whole state: every so many commands, and at snapshots.  */
#define DIGEST_EVERY 32

/* ---- the disk ---------------------------------------------------------------
 */

static sim_disk_end_t
s_on_commit (void *arg)
{
    sim_member_t *member = arg;
    sim_replog_t *sim = member->sim;
    if (member->doomed)
        return SIM_DISK_NOTHING;
    if (member->plan == SIM_PLAN_NONE || member->plan == SIM_PLAN_SENDS ||
        member->plan_in-- > 0)
        return SIM_DISK_FINE;
    sim_plan_t plan = member->plan;
    member->plan = SIM_PLAN_NONE;
    if (plan == SIM_PLAN_ERROR) {
        sim_replog_note (sim, "%zu: its disk fails", member->place);
        sim->sums.disk_errors++;
        member->failing = true;
        return covey_prng_below (&sim->prng, 2) ? SIM_DISK_NOTHING
                                                : SIM_DISK_EVERYTHING;
    }
    sim_replog_note (sim, "%zu crashes %s a commit", member->place,
                     plan == SIM_PLAN_BEFORE ? "before" : "after");
    member->doomed = true;
    return plan == SIM_PLAN_BEFORE ? SIM_DISK_NOTHING : SIM_DISK_EVERYTHING;
}

/*  It voted for itself and writes something of this term: it was elected just
    now. Some do not get older.                                               */
static void
s_assassinate (sim_member_t *member, uint64_t term)
{
    sim_replog_t *sim = member->sim;
    const covey_replog_meta_t *meta = sim_disk_meta (member->disk);
    if (sim->assassin <= 0 || term == member->led_term || term != meta->term ||
        meta->voted_for != meta->member_id)
        return;
    member->led_term = term;
    if (covey_prng_unit (&sim->prng) < sim->assassin)
        sim_replog_plan (
            sim, member->place,
            (sim_plan_t)(SIM_PLAN_BEFORE + covey_prng_below (&sim->prng, 3)),
            (unsigned)covey_prng_below (&sim->prng, 5));
}

static void
s_on_entry (void *arg, const sim_record_t *record)
{
    sim_member_t *member = arg;
    sim_book_entry (&member->sim->book, record);
    s_assassinate (member, record->term);
}

static void
s_on_meta (void *arg, const covey_replog_meta_t *before,
           const covey_replog_meta_t *after)
{
    sim_book_meta (&((sim_member_t *)arg)->sim->book, before, after);
}

static void
s_on_snapshot (void *arg, const covey_replog_snapshot_t *snapshot)
{
    sim_book_snapshot (&((sim_member_t *)arg)->sim->book, snapshot);
}

static void
s_on_misuse (void *arg, const char *what)
{
    const sim_member_t *member = arg;
    sim_book_break (&member->sim->book, "place %zu: %s", member->place, what);
}

void
sim_watch_disk (sim_member_t *member, sim_disk_watch_t *watch)
{
    *watch = (sim_disk_watch_t){member,    s_on_commit,   s_on_entry,
                                s_on_meta, s_on_snapshot, s_on_misuse};
}

/* ---- commands ---------------------------------------------------------------
 */

/*  Is the entry of `record` on the disk of who has this id, or was it there
    when that one was wiped?                                                  */
static bool
s_has (const sim_replog_t *sim, uint64_t member_id, const sim_record_t *record)
{
    size_t place = sim_replog_place (sim, member_id);
    if (place == SIM_REPLOG_NOBODY) {
        const uint64_t *grave =
            sim_map_find ((sim_map_t *)&sim->graves, member_id, 1);
        return grave && grave[0] >= record->index;
    }
    const sim_disk_t *disk = sim->members[place].disk;
    const sim_record_t *there = sim_disk_find (disk, record->index);
    return there ? there->term == record->term && there->hash == record->hash
                 : sim_disk_snapshot (disk) >= record->index;
}

static bool
s_is_majority (const sim_replog_t *sim, const sim_view_t *view,
               const sim_record_t *record)
{
    size_t voters = 0, have = 0;
    for (size_t i = 0; i < view->count; i++)
        if (view->votes[i]) {
            voters++;
            have += s_has (sim, view->ids[i], record);
        }
    return have > voters / 2;
}

static void
s_look (const sim_member_t *member, sim_view_t *view)
{
    view->count = covey_replog_member_count (member->log);
    for (size_t i = 0; i < view->count; i++) {
        covey_replog_member_t one;
        covey_replog_member (member->log, i, &one);
        view->ids[i] = one.member_id;
        view->votes[i] = one.role == COVEY_REPLOG_VOTER;
    }
}

/*  Nobody else applied this before: then a majority has it on its disks.    */
static void
s_check_durable (sim_member_t *member, uint64_t index)
{
    sim_replog_t *sim = member->sim;
    const sim_record_t *record = sim_disk_find (member->disk, index);
    sim_view_t view;
    if (!member->log) /* it is being opened: only a sole voter gets here     */
        return;
    s_look (member, &view);
    if (!record || s_is_majority (sim, &view, record) ||
        s_is_majority (sim, &member->view, record))
        return;
    sim_book_break (&sim->book,
                    "index %" PRIu64 " is committed, and no majority has it",
                    index);
}

static void
s_check_order (sim_member_t *member, uint64_t index)
{
    sim_ledger_book_t *book = &member->sim->book;
    if (index <= member->command)
        sim_book_break (book, "place %zu applies %" PRIu64 " after %" PRIu64,
                        member->place, index, member->command);
    else if (sim_book_has_command (book, member->command, index))
        sim_book_break (book, "place %zu left out a command before %" PRIu64,
                        member->place, index);
    member->command = index;
}

/*  The ticket of a submit comes back with the command that it was for.      */
static void
s_redeem (sim_member_t *member, uint64_t index, uint64_t number, uint64_t hash)
{
    sim_replog_t *sim = member->sim;
    if (number > sim->ticket_count) {
        sim_book_break (&sim->book, "a ticket that nobody gave out");
        return;
    }
    sim_ticket_t *ticket = &sim->tickets[number - 1];
    if (ticket->use != SIM_TICKET_SUBMIT || ticket->ended ||
        ticket->place != member->place || ticket->life != member->life ||
        ticket->hash != hash) {
        sim_book_break (&sim->book,
                        "index %" PRIu64 " comes with a ticket of another one",
                        index);
        return;
    }
    ticket->ended = true;
    if (index > sim->acknowledged)
        sim->acknowledged = index;
    sim_replog_answered (sim, member, ticket, index);
}

static void
s_on_apply (void *arg, uint64_t index, const void *data, size_t size,
            uint64_t ticket)
{
    sim_member_t *member = arg;
    sim_replog_t *sim = member->sim;
    if (member->doomed || sim_replog_is_broken (sim))
        return;
    if (member->failing) {
        sim_book_break (&sim->book, "place %zu applies after its disk failed",
                        member->place);
        return;
    }
    s_check_order (member, index);
    bool is_first = sim_book_apply (&sim->book, index, data, size);
    if (is_first)
        s_check_durable (member, index);
    Covey__Control__Command *command =
        covey__control__command__unpack (NULL, size, data);
    if (!command) {
        sim_book_break (&sim->book, "index %" PRIu64 " is no command", index);
        return;
    }
    sim_slip_execute (member, index, command);
    bool is_new =
        sim_book_outcome (&sim->book, index, command, &member->effects);
    if (is_first)
        sim_judge_apply (sim->judge, index, command, &member->effects,
                         covey_state_now_us (member->state), is_new);
    covey__control__command__free_unpacked (command, NULL);
    if (index % DIGEST_EVERY == 0)
        sim_book_digest (&sim->book, index, covey_state_digest (member->state));
    if (ticket)
        s_redeem (member, index, ticket, covey_str_hash (data, size));
}

/* ---- the other callbacks ----------------------------------------------------
 */

static void
s_on_send (void *arg, const covey_id_t *node_id, const void *data, size_t size)
{
    sim_member_t *member = arg;
    if (!sim_replog_is_broken (member->sim))
        sim_member_send (member, node_id, data, size);
}

void
sim_watch_key (sim_member_t *member, size_t key)
{
    Covey__Control__MemoryGet get = COVEY__CONTROL__MEMORY_GET__INIT;
    covey_errbuf_t err;
    covey_buf_t json;
    covey_buf_init (&json, SIZE_MAX);
    get.key = (char *)(uintptr_t)sim_key_name (key);
    covey_err_t code = covey_state_memory (member->state, &get, &json, &err);
    covey_buf_putc (&json, '\0');
    sim_judge_read (member->sim->judge, key, member->command,
                    covey_state_now_us (member->state), code,
                    (const char *)json.data);
    covey_buf_deinit (&json);
}

static void
s_on_done (void *arg, uint64_t number, covey_err_t code, const char *text)
{
    sim_member_t *member = arg;
    sim_replog_t *sim = member->sim;
    (void)text;
    if (member->doomed || sim_replog_is_broken (sim))
        return;
    sim_ticket_t *ticket = number && number <= sim->ticket_count
                               ? &sim->tickets[number - 1]
                               : NULL;
    if (!ticket || ticket->ended || ticket->place != member->place ||
        ticket->life != member->life) {
        sim_book_break (&sim->book, "place %zu ends a ticket that it has not",
                        member->place);
        return;
    }
    ticket->ended = true;
    ticket->code = code;
    if (ticket->use == SIM_TICKET_SUBMIT && code == COVEY_OK)
        sim_book_break (&sim->book, "a submit is done without its command");
    if (ticket->use == SIM_TICKET_CHANGE) {
        sim->sums.changes += code == COVEY_OK;
        sim_replog_note (sim, "%zu: change of members: %s", member->place,
                         covey_err_name (code));
    }
    if (ticket->use != SIM_TICKET_READ || code)
        return;
    sim->sums.reads++;
    if (member->command < ticket->floor)
        sim_book_break (&sim->book,
                        "a read at place %zu sees %" PRIu64 ", and %" PRIu64
                        " was acknowledged before it was asked",
                        member->place, member->command, ticket->floor);
    sim_watch_key (member, (size_t)(number % SIM_KEYS));
}

static void
s_on_save (void *arg, covey_buf_t *to)
{
    sim_member_t *member = arg;
    sim_replog_t *sim = member->sim;
    if (covey_state_save (member->state, to))
        sim_book_break (&sim->book, "a state cannot be saved");
    if (member->command)
        sim_book_digest (&sim->book, member->command,
                         covey_state_digest (member->state));
    sim->sums.snapshots++;
}

static covey_err_t
s_on_load (void *arg, uint64_t index, const void *data, size_t size,
           covey_errbuf_t *err)
{
    sim_member_t *member = arg;
    sim_replog_t *sim = member->sim;
    covey_state_t *state = NULL;
    covey_err_t code = covey_state_load (data, size, &sim->limits, &state, err);
    if (code)
        return code;
    if (sim->slips.slip == SIM_SLIP_LOAD && member->command) {
        covey_state_destroy (&state);
        state = member->state;
    } else
        covey_state_destroy (&member->state);
    member->state = state;
    uint64_t last = covey_state_index (state);
    sim_replog_note (sim, "%zu takes over a state of %" PRIu64, member->place,
                     index);
    if (last > index || sim_book_has_command (&sim->book, last, index + 1))
        sim_book_break (&sim->book,
                        "a snapshot of %" PRIu64 " has the state of %" PRIu64,
                        index, last);
    if (last)
        sim_book_digest (&sim->book, last, covey_state_digest (state));
    member->command = last;
    sim->sums.installs += member->log != NULL;
    return COVEY_OK;
}

/*  Who leads has all that was committed in terms before its own. (A newer
    leader may be there already; of that it cannot know.)                     */
static void
s_check_complete (sim_member_t *member)
{
    sim_ledger_book_t *book = &member->sim->book;
    uint64_t term = covey_replog_term (member->log);
    for (uint64_t i = book->committed; i > member->command; i--) {
        const sim_page_t *page = sim_book_page (book, i);
        if (!page->command || !page->term || page->term >= term)
            continue;
        sim_book_break (book,
                        "place %zu leads in term %" PRIu64 " without %" PRIu64
                        ", which was committed before",
                        member->place, term, i);
        return;
    }
}

static void
s_on_leads (void *arg, bool leads)
{
    sim_member_t *member = arg;
    sim_replog_t *sim = member->sim;
    if (member->doomed || sim_replog_is_broken (sim))
        return;
    sim_replog_note (sim, "%zu %s, term %" PRIu64, member->place,
                     leads ? "leads" : "leads no more",
                     covey_replog_term (member->log));
    member->leads = member->resumes = leads;
    member->tick = 0;
    sim->sums.leads += leads;
    if (leads)
        sim->led_us = sim_replog_now_us (sim);
    if (leads)
        s_check_complete (member);
}

void
sim_watch_callbacks (sim_member_t *member, covey_replog_callbacks_t *callbacks)
{
    *callbacks = (covey_replog_callbacks_t){.arg = member,
                                            .send = s_on_send,
                                            .apply = s_on_apply,
                                            .done = s_on_done,
                                            .save = s_on_save,
                                            .load = s_on_load,
                                            .leads = s_on_leads};
}

/* ---- after an event ---------------------------------------------------------
 */

static void
s_check_stored (sim_member_t *member)
{
    sim_replog_t *sim = member->sim;
    uint64_t applied = covey_replog_applied (member->log);
    if (applied < member->checked)
        sim_book_break (&sim->book, "place %zu takes back what it applied",
                        member->place);
    if (sim_book_has_command (&sim->book, member->command, applied + 1))
        sim_book_break (&sim->book,
                        "place %zu has applied %" PRIu64
                        " and not its commands",
                        member->place, applied);
    for (uint64_t i = member->checked + 1; i <= applied; i++) {
        const sim_record_t *record = sim_disk_find (member->disk, i);
        if (record)
            sim_book_stored (&sim->book, record);
        else if (i > sim_disk_snapshot (member->disk))
            sim_book_break (&sim->book,
                            "place %zu has applied %" PRIu64
                            ", which is not on its disk",
                            member->place, i);
    }
    member->checked = applied;
}

static void
s_check_view (sim_member_t *member)
{
    sim_ledger_book_t *book = &member->sim->book;
    const sim_view_t *view = &member->view;
    uint64_t entry = sim_disk_last_of (member->disk, book->list_kind);
    uint64_t members = covey_str_hash (view->ids, view->count * 8) * 31 +
                       covey_str_hash (view->votes, view->count);
    if (entry && view->count)
        sim_book_list (book, entry, members);
}

void
sim_replog_check_views (sim_replog_t *self)
{
    for (size_t i = 0; i < self->config.places; i++)
        if (self->members[i].log)
            s_check_view (&self->members[i]);
}

void
sim_watch_observe (sim_member_t *member)
{
    sim_replog_t *sim = member->sim;
    covey_replog_t *log = member->log;
    const covey_id_t *leader = covey_replog_leader (log);
    covey_id_t own = sim_place_id (member->place);
    s_check_stored (member);
    if (covey_replog_is_leader (log) ||
        (leader && covey_id_equal (leader->bytes, own.bytes)))
        sim_book_leader (&sim->book, covey_replog_term (log),
                         covey_replog_member_id (log));
    s_look (member, &member->view);
    member->blind = false;
    if (covey_replog_applied (log) == covey_replog_last (log) ||
        sim_replog_now_us (sim) / SIM_MS % 16 == 0)
        s_check_view (member);
}

/* ---- at the end -------------------------------------------------------------
 */

static const char *
s_member_unrest (sim_replog_t *self, size_t place, const sim_member_t *leader)
{
    const sim_member_t *member = &self->members[place];
    if (!member->log)
        return "a member is down";
    if (covey_replog_applied (member->log) !=
            covey_replog_applied (leader->log) ||
        covey_replog_last (member->log) != covey_replog_last (leader->log))
        return "a member lags";
    if (member != leader && member->leads)
        return "two lead";
    if (!covey_replog_leader (member->log))
        return "a member knows no leader";
    return NULL;
}

const char *
sim_replog_unrest (sim_replog_t *self)
{
    size_t place = sim_replog_leader (self);
    if (place == SIM_REPLOG_NOBODY)
        return "nobody leads";
    const sim_member_t *leader = &self->members[place];
    for (size_t i = 0; i < leader->view.count; i++) {
        size_t one = sim_replog_place (self, leader->view.ids[i]);
        if (one == SIM_REPLOG_NOBODY)
            return "a member that was wiped is not replaced";
        const char *unrest = s_member_unrest (self, one, leader);
        if (unrest)
            return unrest;
    }
    if (covey_replog_applied (leader->log) != covey_replog_last (leader->log))
        return "something is not committed";
    return NULL;
}

void
sim_replog_check_replay (sim_replog_t *self, size_t place)
{
    const sim_member_t *member = &self->members[place];
    covey_state_t *state = covey_state_new (&self->limits);
    for (size_t i = 0; i < self->book.page_count; i++) {
        const sim_page_t *page = &self->book.pages[i];
        if (!page->command || i > member->command)
            continue;
        Covey__Control__Command *command =
            covey__control__command__unpack (NULL, page->size, page->bytes);
        sim_slip_apply (self->slips.slip, state, i, command, NULL);
        covey__control__command__free_unpacked (command, NULL);
    }
    if (covey_state_digest (state) != covey_state_digest (member->state))
        sim_book_break (&self->book,
                        "place %zu is not in the state that its log makes",
                        place);
    covey_state_destroy (&state);
}
