/*  The demo's vote: do the workers that are left accept the report?          */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo.h"

#define SWARM "demo-workers"
#define VOTE_MS 30000

/*  "LINES WORDS BYTES SHA256 PATH" and a NUL for each file.                 */
static covey_err_t
s_write_rows (covey_demo_t *self)
{
    char path[sizeof self->dir + 32];
    snprintf (path, sizeof path, "%s/report.rows", self->dir);
    FILE *file = fopen (path, "we");
    const char *root =
        strcmp (self->files.root, "/") == 0 ? "" : self->files.root;
    for (size_t i = 0; file && i < self->files.count; i++) {
        const covey_demo_file_t *item = &self->files.items[i];
        fprintf (file, "%llu %llu %llu %s %s/%s",
                 (unsigned long long)item->counts.lines,
                 (unsigned long long)item->counts.words,
                 (unsigned long long)item->counts.bytes, item->sha256, root,
                 item->path);
        putc ('\0', file);
    }
    bool is_bad = !file || ferror (file);
    if (!file || fclose (file) != 0 || is_bad)
        return covey_fail (&self->err, COVEY_IO, "%s: cannot be written: %s",
                           path, strerror (errno));
    return COVEY_OK;
}

static covey_err_t
s_form_swarm (covey_demo_t *self)
{
    json_t *members = json_array ();
    for (size_t i = 0; i < self->mesh.agent_count; i++) {
        const covey_demo_process_t *agent = &self->mesh.agents[i];
        if (!self->fault.done || agent->node != self->fault.node)
            json_array_append_new (members,
                                   json_pack ("{s:s}", "agentId", agent->name));
    }
    json_t *form =
        json_pack ("{s:s,s:s,s:o}", "swarmId", SWARM, "objective",
                   "decide whether the report is right", "members", members);
    char *text = json_dumps (form, JSON_COMPACT);
    json_decref (form);
    covey_err_t rc =
        covey_swarm_form (self->agent, text, COVEY_DEMO_ASK_MS, NULL);
    free (text);
    return rc ? covey_fail (&self->err, rc, "swarm.form: %s", covey_error ())
              : COVEY_OK;
}

static covey_err_t
s_propose (covey_demo_t *self, char *id, size_t id_size)
{
    covey_demo_counts_t totals = covey_demo_totals (self);
    char *answer = NULL;
    json_t *propose = json_pack (
        "{s:s,s:s,s:i,s:{s:s,s:I,s:I,s:I,s:I}}", "swarmId", SWARM,
        "votingStrategy", "majority", "timeout", VOTE_MS, "proposal",
        "question", "accept the report?", "files", (json_int_t)totals.files,
        "lines", (json_int_t)totals.lines, "words", (json_int_t)totals.words,
        "bytes", (json_int_t)totals.bytes);
    char *text = json_dumps (propose, JSON_COMPACT);
    json_decref (propose);
    covey_err_t rc =
        covey_vote_propose (self->agent, text, COVEY_DEMO_ASK_MS, &answer);
    free (text);
    if (rc)
        return covey_fail (&self->err, rc, "swarm.propose: %s", covey_error ());
    json_t *view = json_loads (answer, 0, NULL);
    covey_free (answer);
    const char *named = json_string_value (json_object_get (view, "id"));
    snprintf (id, id_size, "%s", named ? named : "");
    json_decref (view);
    return COVEY_OK;
}

covey_err_t
covey_demo_vote_run (covey_demo_t *self)
{
    char id[COVEY_NAME_MAX + 1];
    covey_err_t rc = s_write_rows (self);
    if (!rc)
        rc = s_form_swarm (self);
    if (!rc)
        rc = s_propose (self, id, sizeof id);
    covey_demo_say (self, "the workers vote on the report");
    for (;;) {
        char *answer = NULL;
        if (!rc)
            rc = covey_demo_step (self, 50);
        if (rc)
            return rc;
        rc = covey_vote_show (self->agent, id, COVEY_DEMO_ASK_MS, &answer);
        if (rc)
            return covey_fail (&self->err, rc, "swarm.proposal: %s",
                               covey_error ());
        json_t *view = json_loads (answer, 0, NULL);
        covey_free (answer);
        const char *state = json_string_value (json_object_get (view, "state"));
        if (state && strcmp (state, "decided") == 0) {
            self->vote = view;
            return COVEY_OK;
        }
        json_decref (view);
    }
}
