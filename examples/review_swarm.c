/*  review_swarm - three reviewers vote on a diff: review_swarm [FILE]

    The question names the file and its SHA-256. Each reviewer reads the file
    itself, and rejects one that is not the file that was asked about. Without
    FILE the program writes a small diff, and shows that, too.                */

#include <covey.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REVIEWERS 3
#define DIFF_MAX (1 << 20)
#define WAIT_MS 10000

static const char sample[] = "--- a/greet.c\n"
                             "+++ b/greet.c\n"
                             "@@ -1,2 +1,3 @@\n"
                             " int greet (void) {\n"
                             "-    return 1;\n"
                             "+    puts (\"hello\");   \n"
                             "+    goto done;\n";

/*  What a reviewer does not want to see in an added line.                   */
typedef struct {
    const char *id;
    const char *never; /* NULL: lines of more than 100 characters             */
} reviewer_t;

static const reviewer_t reviewers[REVIEWERS] = {
    {"tidy", "\t"}, {"careful", "goto"}, {"narrow", NULL}};

/*  The caller frees it; NULL: it cannot be read.                            */
static char *
read_file (const char *path)
{
    FILE *file = fopen (path, "rb");
    char *text = file ? calloc (1, DIFF_MAX + 1) : NULL;
    if (text && fread (text, 1, DIFF_MAX, file) == 0) {
        free (text);
        text = NULL;
    }
    if (file)
        fclose (file);
    return text;
}

/*  The first added line that this reviewer objects to; 0: none.             */
static int
find_fault (const reviewer_t *self, const char *diff)
{
    int number = 0;
    while (*diff) {
        char line[4096];
        size_t size = strcspn (diff, "\n");
        snprintf (line, sizeof line, "%.*s", (int)(size < 4000 ? size : 4000),
                  diff);
        number++;
        if (*line == '+' &&
            (self->never ? strstr (line, self->never) != NULL : size > 101))
            return number;
        diff += size + (diff[size] == '\n');
    }
    return 0;
}

/*  The handler: read what is asked about, and say what to think of it.      */
static covey_err_t
review (covey_agent_t *agent, const covey_event_t *question,
        covey_ballot_draft_t *draft, void *arg)
{
    const reviewer_t *self = arg;
    char path[256] = "", asked[65] = "", found[65];
    const char *json = covey_event_payload (question, "proposal", NULL, NULL);
    (void)agent;
    if (sscanf (json, "{\"sha256\":\"%64[0-9a-f]\",\"file\":\"%255[^\"]\"}",
                asked, path) != 2)
        return COVEY_INVALID; /* not a question for a reviewer                */
    char *diff = read_file (path);
    covey_sha256 (diff ? diff : "", diff ? strlen (diff) : 0, found);
    int line = diff ? find_fault (self, diff) : 0;
    draft->reason = draft->text;
    draft->vote = "reject";
    if (strcmp (asked, found) != 0)
        draft->reason = "this is not the file that was asked about";
    else if (line)
        snprintf (draft->text, sizeof draft->text, "line %d: %s", line,
                  self->never ? self->never : "too long");
    else {
        draft->vote = "approve";
        draft->reason = "fine with me";
    }
    free (diff);
    return COVEY_OK;
}

/*  Ask the swarm about the file as it is now; `change` comes in between.    */
static covey_err_t
ask (covey_agent_t *author, const char *path, const char *change,
     char **result_p)
{
    char proposal[600], hash[65], *diff = read_file (path);
    covey_sha256 (diff ? diff : "", diff ? strlen (diff) : 0, hash);
    free (diff);
    snprintf (proposal, sizeof proposal,
              "{\"swarmId\":\"reviewers\",\"consensusId\":\"%s\",\"proposal\":{"
              "\"sha256\":\"%s\",\"file\":\"%s\"}}",
              change ? "changed" : "diff", hash, path);
    FILE *file = change ? fopen (path, "ab") : NULL;
    if (file) {
        fputs (change, file);
        fclose (file);
    }
    covey_err_t rc = covey_vote_propose (author, proposal, WAIT_MS, NULL);
    return rc ? rc
              : covey_vote_wait (author, change ? "changed" : "diff", 60000,
                                 result_p);
}

static covey_err_t
form (covey_testmesh_t *mesh, covey_agent_t **author_p)
{
    *author_p = covey_testmesh_agent (mesh, 0, "author", "programmer");
    for (size_t i = 0; i < REVIEWERS; i++) {
        covey_agent_t *agent =
            covey_testmesh_agent (mesh, i % 2, reviewers[i].id, "reviewer");
        if (agent)
            covey_agent_on_proposal (agent, review, (void *)&reviewers[i]);
    }
    covey_err_t rc = covey_testmesh_start (mesh, WAIT_MS);
    return rc ? rc
              : covey_swarm_form (*author_p,
                                  "{\"swarmId\":\"reviewers\",\"members\":["
                                  "{\"agentId\":\"tidy\"},{\"agentId\":"
                                  "\"careful\"},{\"agentId\":\"narrow\"}]}",
                                  WAIT_MS, NULL);
}

static covey_err_t
run (covey_agent_t *author, const char *path, bool is_ours)
{
    char *vote = NULL;
    covey_err_t rc = ask (author, path, NULL, &vote);
    if (!rc)
        printf ("%s\n", vote);
    if (!rc && is_ours && !strstr (vote, "\"outcome\":\"accepted\""))
        rc = COVEY_STATE;
    covey_free (vote);
    vote = NULL;
    if (!rc && is_ours)
        rc = ask (author, path, "+    (void)0;\n", &vote);
    if (!rc && vote && !strstr (vote, "\"outcome\":\"rejected\""))
        rc = COVEY_STATE;
    if (vote)
        printf ("%s\n", vote);
    covey_free (vote);
    return rc;
}

int
main (int argc, char **argv)
{
    covey_testmesh_t *mesh = NULL;
    covey_agent_t *author = NULL;
    char path[256] = "/tmp/covey-review-XXXXXX";
    if (argc > 1)
        snprintf (path, sizeof path, "%s", argv[1]);
    int fd = argc > 1 ? -1 : mkstemp (path);
    FILE *file = fd < 0 ? NULL : fdopen (fd, "w");
    if (file) {
        fputs (sample, file);
        fclose (file);
    }
    covey_err_t rc = covey_testmesh_new (2, WAIT_MS, &mesh);
    if (!rc)
        rc = form (mesh, &author);
    if (!rc)
        rc = run (author, path, file != NULL);
    if (rc)
        fprintf (stderr, "%s\n", covey_error ());
    covey_testmesh_destroy (&mesh);
    if (file)
        remove (path);
    return rc ? 1 : 0;
}
