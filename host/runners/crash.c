#include "runners/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#define STACK_SIZE      ((size_t)64 << 10)
#define HANDLER_SECONDS 5 /* an unwinder that hangs must not keep the process alive */

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
#define N_CRASH_SIGNALS (sizeof(crash_signals) / sizeof(crash_signals[0]))

static struct crash_record *record;
static void (*run_boundary)(void);

/* ---- registers ------------------------------------------------------------------------------- */

#if defined(__x86_64__)

uint64_t crash_context_pc(const void *context)
{
	const ucontext_t *uc = context;

	return (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
}

static uint64_t context_stack(const ucontext_t *uc)
{
	return (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
}

/* After a call to where no code is: go back to the caller, so that the unwinder finds a function.
 */
static void return_to_caller(ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;

	regs[REG_RIP] = *(const greg_t *)regs[REG_RSP];
	regs[REG_RSP] += (greg_t)sizeof(greg_t);
}

#elif defined(__aarch64__)

uint64_t crash_context_pc(const void *context)
{
	const ucontext_t *uc = context;

	return uc->uc_mcontext.pc;
}

static uint64_t context_stack(const ucontext_t *uc)
{
	return uc->uc_mcontext.sp;
}

static void return_to_caller(ucontext_t *uc)
{
	uc->uc_mcontext.pc = uc->uc_mcontext.regs[30];
}

#else
#error "crash reports need the registers of this architecture: add them above"
#endif

/* ---- frames ---------------------------------------------------------------------------------- */

struct walk {
	struct crash_record *record;
	void (*boundary)(void);
	uint64_t pc;
	uint64_t exact;
	bool started; /* past the handler's own frames */
};

static void add_frame(struct crash_record *r, uint64_t pc, uint64_t exact)
{
	uint32_t n = r->n_frames;

	if (n >= CRASH_FRAMES_MAX)
		return;
	r->frames[n].pc = pc;
	r->frames[n].exact = exact;
	r->n_frames = n + 1;
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *arg)
{
	struct walk *w = arg;
	int before = 0;
	uint64_t pc = _Unwind_GetIPInfo(context, &before);

	if (!w->started) {
		if (pc != w->pc)
			return _URC_NO_REASON;
		w->started = true;
		add_frame(w->record, pc, w->exact);
		return _URC_NO_REASON;
	}
	if (pc == 0 || _Unwind_GetRegionStart(context) == (uintptr_t)w->boundary)
		return _URC_END_OF_STACK;
	add_frame(w->record, pc, before != 0);
	return w->record->n_frames < CRASH_FRAMES_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void crash_unwind(struct crash_record *r, uint64_t pc, uint64_t exact, void (*boundary)(void))
{
	struct walk w = {.record = r, .boundary = boundary, .pc = pc, .exact = exact};

	_Unwind_Backtrace(visit, &w);
	if (!w.started)
		add_frame(r, pc, exact);
}

/* ---- the handler ----------------------------------------------------------------------------- */

static bool has_address(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE;
}

static void fill(struct crash_record *r, int sig, const siginfo_t *info, ucontext_t *uc)
{
	uint64_t pc = crash_context_pc(uc);
	uint64_t exact = 1;

	r->stack = context_stack(uc);
	if (has_address(sig) && info->si_code > 0 && info->si_code != SI_KERNEL) {
		r->address = (uint64_t)(uintptr_t)info->si_addr;
		r->address_known = 1;
	}
	r->data_bytes = crash_data_bytes();
	crash_read_modules(r);
	if (sig == SIGSEGV && r->address_known && r->address == pc) {
		add_frame(r, pc, 1);
		return_to_caller(uc);
		pc = crash_context_pc(uc);
		exact = 0;
	}
	crash_unwind(r, pc, exact, run_boundary);
}

/* Ends the process by `sig`'s default action, as if nobody had listened. */
static void die(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	syscall(SYS_tgkill, getpid(), gettid(), sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);
}

/* All crash signals are blocked in here: a crash of this code ends the process. */
static void on_crash(int sig, siginfo_t *info, void *context)
{
	int error_number = errno;
	uint32_t nobody = 0;

	if (!atomic_compare_exchange_strong(&record->owner, &nobody, (uint32_t)gettid()))
		for (;;) /* another thread is already reporting and will end the process */
			pause();
	record->error_number = error_number;
	record->signal = (uint32_t)sig;
	signal(SIGALRM, SIG_DFL);
	alarm(HANDLER_SECONDS);
	fill(record, sig, info, context);
	die(sig);
}

void crash_install(struct crash_record *r, void (*boundary)(void))
{
	static char stack[STACK_SIZE] __attribute__((aligned(64)));
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	record = r;
	run_boundary = boundary;
	sigaltstack(&alternate, NULL);
	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGALRM);
	for (size_t i = 0; i < N_CRASH_SIGNALS; i++)
		sigaction(crash_signals[i], &action, NULL);
}
