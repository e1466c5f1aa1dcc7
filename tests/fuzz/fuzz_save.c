/*  Records of a snapshot, without its end, which is made here so that the sum
    is right: what is loaded must be sound enough to be saved alike and to go
    on, and everything else is refused.                                       */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/save.h"
#include "proto/cursor.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
s_require (bool good, const char *what)
{
    if (good)
        return;
    fprintf (stderr, "%s\n", what);
    abort ();
}

/*  The records that are some, with an end.                                  */
static void
s_complete (const uint8_t *data, size_t size, covey_buf_t *to)
{
    covey_cursor_t from = covey_cursor_of (data, size);
    covey_saver_t saver;
    uint64_t length;
    covey_saver_init (&saver, to);
    while (from.at < from.end && covey_cursor_varint (&from, &length) &&
           length <= (uint64_t)(from.end - from.at)) {
        Covey__Snapshot__Record *record =
            covey__snapshot__record__unpack (NULL, (size_t)length, from.at);
        from.at += length;
        if (!record)
            continue;
        covey_saver_put (&saver, record);
        covey__snapshot__record__free_unpacked (record, NULL);
    }
    covey_saver_end (&saver);
    covey_saver_deinit (&saver);
}

/*  Time passes, and an agent that can do anything comes.                    */
static void
s_go_on (covey_state_t *state)
{
    uint8_t id[16] = {1};
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    up.agent_id = (char *)"fresh";
    up.node_id = up.session_id = (ProtobufCBinaryData){sizeof id, id};
    for (int i = 0; i < 4; i++) {
        Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
        command.op_case = i == 1 ? COVEY__CONTROL__COMMAND__OP_AGENT_UP
                                 : COVEY__CONTROL__COMMAND__OP_TICK;
        if (i == 1)
            command.agent_up = &up;
        else
            command.tick = &tick;
        tick.has_resumed = tick.resumed = i == 0;
        command.log_time_us =
            covey_state_now_us (state) + (i == 3 ? 90000000000 : 1000000);
        covey_state_apply (state, &command, covey_state_index (state) + 1,
                           NULL);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    covey_errbuf_t err;
    covey_state_t *state = NULL, *again = NULL;
    covey_buf_t whole, saved;
    (void)covey_state_load (data, size, NULL, &state, &err);
    covey_state_destroy (&state);
    covey_buf_init (&whole, SIZE_MAX);
    covey_buf_init (&saved, SIZE_MAX);
    s_complete (data, size, &whole);
    if (covey_state_load (whole.data, whole.size, NULL, &state, &err) ==
        COVEY_OK) {
        s_require (covey_state_save (state, &saved) == COVEY_OK, "saved");
        covey_err_t code =
            covey_state_load (saved.data, saved.size, NULL, &again, &err);
        s_require (code == COVEY_OK, err.text);
        s_require (covey_state_digest (state) == covey_state_digest (again),
                   "saved and loaded it is another");
        s_go_on (state);
        s_go_on (again);
        s_require (covey_state_digest (state) == covey_state_digest (again),
                   "loaded it goes on otherwise");
    }
    covey_state_destroy (&state);
    covey_state_destroy (&again);
    covey_buf_deinit (&saved);
    covey_buf_deinit (&whole);
    return 0;
}
