/*  replog_members - lists of members in the log, and how they change

    Lists     as libraft packs them: 1, count, then id, address, role of each;
              padded to eight bytes. The address is the node's id in hex
    Spare     libraft calls it standby; its "spare", which gets no log, is only
              the first half of an addition, which any leader completes
    Changes   one at a time, when nothing is under way, and only after an entry
              of the leader's own term is applied (Ongaro 2015, raft-dev: a
              change before that can make two majorities)                     */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/replog_impl.h"

/* ---- addresses and lists ----------------------------------------------------
 */

void
covey_replog_address (const covey_id_t *node_id, char text[33])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        text[2 * i] = digits[node_id->bytes[i] >> 4];
        text[2 * i + 1] = digits[node_id->bytes[i] & 15];
    }
    text[32] = '\0';
}

static int
s_digit (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
covey_replog_parse_address (const char *text, covey_id_t *node_id)
{
    for (size_t i = 0; i < 16; i++) {
        int high = s_digit (text[2 * i]);
        int low = high < 0 ? -1 : s_digit (text[2 * i + 1]);
        if (low < 0)
            return false;
        node_id->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return text[32] == '\0';
}

static uint64_t
s_number (const uint8_t *at)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

#define CAUGHT_UP_ENTRIES 2048
#define LIST_HEAD 9 /* version, count                             */
#define LIST_MEMBER (8 + 33 + 1) /* id, address, role */

static bool
s_unpack_one (const uint8_t *at, struct raft_configuration *members)
{
    covey_id_t node_id;
    const char *address = (const char *)at + 8;
    uint64_t id = s_number (at);
    int role = at[8 + 33];
    return id != 0 && address[32] == '\0' &&
           covey_replog_parse_address (address, &node_id) &&
           raft_configuration_add (members, id, address, role) == 0;
}

covey_err_t
covey_replog_unpack_members (const void *data, size_t size,
                             struct raft_configuration *members)
{
    const uint8_t *at = data;
    raft_configuration_init (members);
    if (size < LIST_HEAD || at[0] != 1)
        return COVEY_MALFORMED;
    uint64_t count = s_number (at + 1);
    if (count == 0 || count > COVEY_REPLOG_MEMBERS_MAX)
        return COVEY_MALFORMED;
    size_t used = LIST_HEAD + (size_t)count * LIST_MEMBER;
    if (size != (used + 7) / 8 * 8)
        return COVEY_MALFORMED;
    at += LIST_HEAD;
    bool voters = false;
    for (uint64_t i = 0; i < count; i++, at += LIST_MEMBER) {
        if (!s_unpack_one (at, members)) {
            raft_configuration_close (members);
            return COVEY_MALFORMED;
        }
        voters = voters || members->servers[i].role == RAFT_VOTER;
    }
    if (voters)
        return COVEY_OK;
    raft_configuration_close (members);
    return COVEY_MALFORMED;
}

void
covey_replog_zero_padding (void *data, size_t size)
{
    uint8_t *bytes = data;
    size_t used = LIST_HEAD + (size_t)s_number (bytes + 1) * LIST_MEMBER;
    memset (bytes + used, 0, size - used);
}

bool
covey_replog_is_sole (const covey_replog_t *self,
                      const struct raft_configuration *members)
{
    unsigned voters = 0;
    bool me = false;
    for (unsigned i = 0; i < members->n; i++)
        if (members->servers[i].role == RAFT_VOTER) {
            voters++;
            me = me || members->servers[i].id == self->meta.member_id;
        }
    return me && voters == 1;
}

/* ---- what list holds where --------------------------------------------------
 */

void
covey_replog_push_list (covey_replog_t *self, uint64_t index, const void *data,
                        size_t size)
{
    self->lists = covey_mem_room (self->lists, self->list_count,
                                  &self->list_capacity, sizeof *self->lists);
    self->lists[self->list_count++] = (covey_replog_list_t){
        .index = index, .data = covey_mem_dup (data, size), .size = size};
}

void
covey_replog_cut_lists (covey_replog_t *self, uint64_t index)
{
    while (self->list_count > 0 &&
           self->lists[self->list_count - 1].index >= index)
        free (self->lists[--self->list_count].data);
}

void
covey_replog_drop_lists (covey_replog_t *self)
{
    covey_replog_cut_lists (self, 0);
}

const covey_replog_list_t *
covey_replog_list_at (const covey_replog_t *self, uint64_t index)
{
    for (size_t i = self->list_count; i > 0; i--)
        if (self->lists[i - 1].index <= index)
            return &self->lists[i - 1];
    return NULL;
}

void
covey_replog_forget_lists (covey_replog_t *self, uint64_t index)
{
    size_t gone = 0;
    while (gone + 1 < self->list_count && self->lists[gone + 1].index <= index)
        free (self->lists[gone++].data);
    self->list_count -= gone;
    memmove (self->lists, self->lists + gone,
             self->list_count * sizeof *self->lists);
}

/*  The notes on another member of the current list.                         */
covey_replog_peer_t *
covey_replog_peer (covey_replog_t *self, uint64_t member_id)
{
    const struct raft_configuration *members = &self->raft.configuration;
    covey_replog_peer_t *room = NULL;
    for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX; i++)
        if (self->peers[i].member_id == member_id)
            return &self->peers[i];
    bool listed = false;
    for (unsigned j = 0; j < members->n; j++)
        listed = listed || members->servers[j].id == member_id;
    for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX && listed && !room; i++) {
        bool used = false;
        for (unsigned j = 0; j < members->n; j++)
            used = used || members->servers[j].id == self->peers[i].member_id;
        if (!used)
            room = &self->peers[i];
    }
    if (room)
        *room = (covey_replog_peer_t){.member_id = member_id, .heard_ms = -1};
    return room;
}

/* ---- changes ----------------------------------------------------------------
 */

static const struct raft_server *
s_find (const covey_replog_t *self, uint64_t member_id, unsigned *i_p)
{
    const struct raft_configuration *members = &self->raft.configuration;
    for (unsigned i = 0; i < members->n; i++)
        if (members->servers[i].id == member_id) {
            *i_p = i;
            return &members->servers[i];
        }
    return NULL;
}

static covey_err_t
s_may_change (const covey_replog_t *self, covey_errbuf_t *err)
{
    if (!covey_replog_is_leader (self) &&
        !(COVEY_FAULT (MEMBERS_BEFORE_OWN) && covey_replog_leads (self)))
        return covey_fail (err, COVEY_NOCOORDINATOR,
                           "only the leading coordinator changes the members");
    if (self->change)
        return covey_fail (err, COVEY_BUSY,
                           "another change of the members is under way; ask "
                           "again when it is done");
    return COVEY_OK;
}

static void
s_begin (covey_replog_t *self, covey_replog_change_t change, uint64_t member_id,
         uint64_t ticket)
{
    self->change = change;
    self->change_member = member_id;
    self->change_ticket = ticket;
    self->change_seen = self->change_sent = self->change_done = false;
    self->change_until_ms = self->now_ms + self->config.election_ms;
}

covey_err_t
covey_replog_add (covey_replog_t *self, uint64_t member_id,
                  const covey_id_t *node_id, uint64_t ticket,
                  covey_errbuf_t *err)
{
    unsigned at = 0;
    char address[33];
    covey_replog_address (node_id, address);
    const struct raft_server *server = s_find (self, member_id, &at);
    covey_err_t code = s_may_change (self, err);
    if (code)
        return code;
    if (server && server->role != RAFT_SPARE)
        return covey_fail (err, COVEY_EXISTS, "it is a member already");
    for (unsigned i = 0; i < self->raft.configuration.n && !server; i++)
        if (strcmp (self->raft.configuration.servers[i].address, address) == 0)
            return covey_fail (err, COVEY_EXISTS,
                               "its node has another member; remove that one "
                               "first");
    if (!server && self->raft.configuration.n >= COVEY_REPLOG_MEMBERS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "there are %d members, more are not allowed",
                           COVEY_REPLOG_MEMBERS_MAX);
    if (member_id == 0 || covey_id_is_zero (node_id->bytes))
        return covey_fail (err, COVEY_INVALID, "no member or no node is named");
    self->change_node = *node_id;
    s_begin (self,
             server ? COVEY_REPLOG_CHANGE_LISTEN : COVEY_REPLOG_CHANGE_ADD,
             member_id, ticket);
    return COVEY_OK;
}

covey_err_t
covey_replog_promote (covey_replog_t *self, uint64_t member_id, uint64_t ticket,
                      covey_errbuf_t *err)
{
    unsigned at = 0;
    const struct raft_server *server = s_find (self, member_id, &at);
    covey_err_t code = s_may_change (self, err);
    if (code)
        return code;
    if (!server)
        return covey_fail (err, COVEY_NOTFOUND, "there is no such member");
    if (server->role == RAFT_VOTER)
        return covey_fail (err, COVEY_EXISTS, "it has a vote already");
    s_begin (self, COVEY_REPLOG_CHANGE_PROMOTE, member_id, ticket);
    return COVEY_OK;
}

covey_err_t
covey_replog_remove (covey_replog_t *self, uint64_t member_id, uint64_t ticket,
                     covey_errbuf_t *err)
{
    unsigned at = 0;
    covey_err_t code = s_may_change (self, err);
    if (code)
        return code;
    if (!s_find (self, member_id, &at))
        return covey_fail (err, COVEY_NOTFOUND, "there is no such member");
    /* 0.15 does not campaign once its own removal is in its log, although the
       removal may not be committed without it. */
    if (member_id == self->meta.member_id)
        return covey_fail (err, COVEY_STATE,
                           "it leads; let it hand over first");
    s_begin (self, COVEY_REPLOG_CHANGE_REMOVE, member_id, ticket);
    return COVEY_OK;
}

void
covey_replog_end_change (covey_replog_t *self, covey_err_t code,
                         const char *text)
{
    if (!self->change)
        return;
    uint64_t ticket = self->change_ticket;
    self->change = COVEY_REPLOG_CHANGE_NONE;
    covey_replog_apply_due (self);
    if (ticket)
        self->callbacks.done (self->callbacks.arg, ticket, code, text);
}

static void
s_on_changed (struct raft_change *request, int status)
{
    covey_replog_t *self = request->data;
    self->change_done = true;
    self->change_status = status;
}

static bool
s_answers (const covey_replog_t *self, uint64_t member_id)
{
    for (size_t i = 0; i < COVEY_REPLOG_MEMBERS_MAX; i++)
        if (self->peers[i].member_id == member_id)
            return self->peers[i].heard_ms >= 0 &&
                   self->now_ms - self->peers[i].heard_ms <=
                       3 * self->config.heartbeat_ms;
    return false;
}

/*  A spare takes part in majorities at once, so it has to be there and to have
    everything.                                                               */
static bool
s_has_caught_up (const covey_replog_t *self, unsigned at)
{
    return s_answers (self, self->change_member) &&
           self->raft.leader_state.progress[at].match_index ==
               covey_replog_last_index (self);
}

static int
s_send_change (covey_replog_t *self, unsigned at)
{
    char address[33];
    struct raft_change *request = &self->change_request;
    *request = (struct raft_change){.data = self};
    switch (self->change) {
        case COVEY_REPLOG_CHANGE_ADD:
            covey_replog_address (&self->change_node, address);
            return raft_add (&self->raft, request, self->change_member, address,
                             s_on_changed);
        case COVEY_REPLOG_CHANGE_LISTEN:
            return raft_assign (&self->raft, request, self->change_member,
                                RAFT_STANDBY, s_on_changed);
        case COVEY_REPLOG_CHANGE_PROMOTE:
            if (!s_has_caught_up (self, at))
                return RAFT_BUSY;
            return raft_assign (&self->raft, request, self->change_member,
                                RAFT_VOTER, s_on_changed);
        case COVEY_REPLOG_CHANGE_REMOVE:
            return raft_remove (&self->raft, request, self->change_member,
                                s_on_changed);
        case COVEY_REPLOG_CHANGE_NONE:
            break;
    }
    return RAFT_INVALID;
}

/*  Half an addition, of a leader before: complete it.                       */
static void
s_adopt_change (covey_replog_t *self)
{
    for (unsigned i = 0; i < self->raft.configuration.n; i++)
        if (self->raft.configuration.servers[i].role == RAFT_SPARE) {
            s_begin (self, COVEY_REPLOG_CHANGE_LISTEN,
                     self->raft.configuration.servers[i].id, 0);
            return;
        }
}

void
covey_replog_change_step (covey_replog_t *self)
{
    unsigned at = 0;
    bool may = covey_replog_is_idle (self) ||
               (COVEY_FAULT (MEMBERS_BEFORE_OWN) && covey_replog_leads (self));
    if (may && !self->change)
        s_adopt_change (self);
    if (!self->change || self->change_sent || !may)
        return;
    self->change_seen = true;
    bool known = s_find (self, self->change_member, &at) != NULL;
    if (!known && self->change != COVEY_REPLOG_CHANGE_ADD) {
        covey_replog_end_change (self, COVEY_NOTFOUND,
                                 "there is no such member");
        return;
    }
    int rc = s_send_change (self, at);
    if (rc == RAFT_BUSY) {
        if (self->now_ms >= self->change_until_ms)
            covey_replog_end_change (self, COVEY_EAGAIN,
                                     "it has not caught up yet");
        return;
    }
    if (rc)
        covey_replog_end_change (self, COVEY_STATE, raft_strerror (rc));
    else
        self->change_sent = true;
    covey_replog_settle (self);
}

/*  Under load a spare is always a batch behind; when it is no more than that,
    the next one waits for it.                                                */
bool
covey_replog_change_waits (const covey_replog_t *self)
{
    unsigned at = 0;
    if (!self->change || self->change_sent)
        return self->change != COVEY_REPLOG_CHANGE_NONE;
    return self->change == COVEY_REPLOG_CHANGE_PROMOTE &&
           covey_replog_leads (self) && s_answers (self, self->change_member) &&
           s_find (self, self->change_member, &at) &&
           self->raft.leader_state.progress[at].match_index +
                   CAUGHT_UP_ENTRIES >=
               covey_replog_last_index (self);
}

/*  After each event: is it through?                                         */
void
covey_replog_change_settled (covey_replog_t *self)
{
    if (!self->change_sent || !self->change_done)
        return;
    self->change_sent = self->change_done = false;
    if (self->change_status == 0 && self->change == COVEY_REPLOG_CHANGE_ADD) {
        self->change = COVEY_REPLOG_CHANGE_LISTEN;
        self->change_seen = false;
    } else if (self->change_status == 0)
        covey_replog_end_change (self, COVEY_OK, "");
    else
        covey_replog_end_change (
            self, COVEY_NOCOORDINATOR,
            "it leads no more; whether the members changed is unknown");
}
