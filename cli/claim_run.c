#include "cli/claim_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define POLL_MS 1000

typedef struct {
    pid_t pid;
    int signals; /* signalfd                                                  */
    int lost[2]; /* a pipe that the claim's thread writes to                  */
    bool is_lost;
    char reason[400];
    int64_t kill_at_ms; /* INT64_MAX: not                                     */
    int grace_ms;
} s_run_t;

/*  In the claim's own thread.                                                */
static void
s_on_lost (covey_claim_t *claim, const char *reason, void *arg)
{
    s_run_t *self = arg;
    (void)claim;
    (void)snprintf (self->reason, sizeof self->reason, "%s", reason);
    if (write (self->lost[1], "", 1) != 1)
        abort (); /* an empty pipe takes a byte */
}

static void
s_fill_signals (sigset_t *set)
{
    sigemptyset (set);
    sigaddset (set, SIGCHLD);
    sigaddset (set, SIGHUP);
    sigaddset (set, SIGINT);
    sigaddset (set, SIGTERM);
    sigaddset (set, SIGTTOU);
}

/*  In the child: only what a signal handler may do as well.                  */
static void
s_exec (char **argv)
{
    sigset_t none;
    sigemptyset (&none);
    (void)setpgid (0, 0);
    /* without us nobody would end it when the claim is lost */
    (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
    (void)signal (SIGPIPE, SIG_DFL);
    (void)sigprocmask (SIG_SETMASK, &none, NULL);
    (void)execvp (argv[0], argv);
    _exit (errno == ENOENT ? 127 : 126);
}

/*  The command gets the terminal, as it would from a shell.                  */
static void
s_give_terminal (pid_t group)
{
    if (isatty (STDIN_FILENO) && tcgetpgrp (STDIN_FILENO) >= 0)
        (void)tcsetpgrp (STDIN_FILENO, group);
}

static void
s_signal (const s_run_t *self, int number)
{
    (void)kill (-self->pid, number);
    (void)kill (-self->pid, SIGCONT);
}

static void
s_lose (s_run_t *self)
{
    self->is_lost = true;
    s_signal (self, SIGTERM);
    self->kill_at_ms = covey_clock_mono_ms () + self->grace_ms;
}

static void
s_read_signals (s_run_t *self)
{
    struct signalfd_siginfo info;
    while (read (self->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGTTOU)
            s_signal (self, (int)info.ssi_signo);
}

/*  As waitpid reports it.                                                    */
static int
s_wait (s_run_t *self)
{
    int status;
    while (waitpid (self->pid, &status, WNOHANG) == 0) {
        int64_t left_ms = self->kill_at_ms - covey_clock_mono_ms ();
        if (left_ms <= 0) {
            s_signal (self, SIGKILL);
            self->kill_at_ms = INT64_MAX;
        }
        struct pollfd fds[] = {
            {.fd = self->signals, .events = POLLIN},
            {.fd = self->is_lost ? -1 : self->lost[0], .events = POLLIN}};
        (void)poll (fds, 2,
                    left_ms > 0 && left_ms < POLL_MS ? (int)left_ms : POLL_MS);
        s_read_signals (self);
        if (!self->is_lost && (fds[1].revents & POLLIN))
            s_lose (self);
    }
    /* what it left behind in its group does not outlive the claim */
    if (self->is_lost)
        (void)kill (-self->pid, SIGKILL);
    return status;
}

static int
s_run_command (covey_cli_t *cli, s_run_t *self, char **argv)
{
    self->pid = fork ();
    if (self->pid < 0)
        return covey_cli_fail (cli, COVEY_EXIT_FAILED, "%.200s: %s", argv[0],
                               strerror (errno));
    if (self->pid == 0)
        s_exec (argv);
    (void)setpgid (self->pid, self->pid);
    s_give_terminal (self->pid);
    (void)kill (-self->pid, SIGCONT); /* it may have read too early */
    int status = s_wait (self);
    s_give_terminal (getpgrp ());
    if (self->is_lost)
        return COVEY_EXIT_FAILED;
    if (WIFSIGNALED (status))
        return 128 + WTERMSIG (status);
    if (WEXITSTATUS (status) == 127)
        covey_cli_note (cli, "%.200s: the command was not found, or says so",
                        argv[0]);
    return WEXITSTATUS (status);
}

int
covey_claim_run (covey_cli_t *cli, const covey_claim_run_t *run)
{
    s_run_t self = {.kill_at_ms = INT64_MAX};
    covey_claim_options_t options = *run->options;
    options.on_lost = s_on_lost;
    options.arg = &self;
    self.grace_ms = options.ttl_ms / 10;
    covey_claim_t *claim = NULL;
    if (pipe2 (self.lost, O_CLOEXEC))
        return covey_cli_fail (cli, COVEY_EXIT_FAILED, "%s", strerror (errno));
    covey_err_t rc = covey_claim_acquire (cli->agent, &options,
                                          covey_cli_timeout (cli), &claim);
    int exit_code = rc ? covey_cli_fail_rc (cli, rc, NULL) : COVEY_EXIT_OK;
    if (!rc) {
        sigset_t set, before;
        char token[24];
        (void)snprintf (token, sizeof token, "%llu",
                        (unsigned long long)covey_claim_token (claim));
        (void)setenv ("COVEY_CLAIM_ID", covey_claim_id (claim), 1);
        (void)setenv ("COVEY_CLAIM_FENCING_TOKEN", token, 1);
        s_fill_signals (&set);
        (void)pthread_sigmask (SIG_BLOCK, &set, &before);
        self.signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        exit_code = s_run_command (cli, &self, run->argv);
        close (self.signals);
        (void)pthread_sigmask (SIG_SETMASK, &before, NULL);
        rc = covey_claim_release (&claim, covey_cli_timeout (cli));
        if (self.is_lost)
            exit_code = covey_cli_fail (cli, COVEY_EXIT_FAILED,
                                        "the claim was lost, %.100s was "
                                        "stopped: %.300s",
                                        run->argv[0], self.reason);
        else if (rc)
            covey_cli_note (cli, "not released, the lease will end: %s",
                            covey_error ());
    }
    close (self.lost[0]);
    close (self.lost[1]);
    return exit_code;
}
