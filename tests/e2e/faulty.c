/* Tasks that end in every way a task can end; the command line tests compile it. */
#include <taskhost/author.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void misbehave(const char *what)
{
	if (!what)
		return;
	if (strcmp(what, "crash") == 0)
		abort();
	while (strcmp(what, "hang") == 0)
		pause();
}

static th_status my_init(th_str config, void **ret_self, th_errout *error)
{
	(void)config;
	(void)error;
	*ret_self = NULL;
	misbehave(getenv("FAULTY_INIT"));
	return TH_OK;
}

static void my_deinit(void *self)
{
	(void)self;
	misbehave(getenv("FAULTY_DEINIT"));
}

static const th_plugin_hooks my_hooks = {my_init, NULL, my_deinit};

TH_PLUGIN_WITH("faulty", "1.0.0", "Ends in every way", my_hooks);

#define ADD(X)                                                                                     \
	X(in, a, integer, "first term")                                                            \
	X(opt, b, integer, 10, "second term")                                                      \
	X(out, o0, integer, "the sum")
TH_TASK(add, ADD, "Adds two integers")
{
	out->o0 = in->a + in->b;
	return TH_OK;
}

#define BIG(X)                                                                                     \
	X(in, n, integer, "how many")                                                              \
	X(out, o0, string, "that many x")
TH_TASK(big, BIG, "Makes a long string")
{
	char *text = (char *)TH_HOST->arena_alloc(run->exec, (size_t)in->n + 1, 1);

	if (!text)
		return TH_E_NOMEM;
	memset(text, 'x', (size_t)in->n);
	out->o0 = th_str_n(text, (size_t)in->n);
	return TH_OK;
}

#define LENGTH(X)                                                                                  \
	X(in, s, string, "a text")                                                                 \
	X(out, o0, integer, "its length in bytes")
TH_TASK(length, LENGTH, "Measures a string")
{
	out->o0 = (int64_t)in->s.len;
	return TH_OK;
}

#define NOTHING(X)
TH_TASK(nothing, NOTHING, "Has neither inputs nor outputs")
{
	return TH_OK;
}

TH_TASK(fail, NOTHING, "Fails with a code of its own")
{
	return th_fail_recoverable(run, "USER:Custom", "not today");
}

TH_TASK(bad_status, NOTHING, "Fails without saying why")
{
	return TH_E_USER;
}

TH_TASK(ignore, NOTHING, "Asks for its outputs to be ignored")
{
	return TH_IGNORE_OUTPUTS;
}

TH_TASK(crash, NOTHING, "Writes to NULL")
{
	volatile int *nowhere = NULL;

	*nowhere = 1;
	return TH_OK;
}

TH_TASK(abort, NOTHING, "Calls abort")
{
	abort();
}

#define CODE(X) X(in, code, integer, "the exit code")
TH_TASK(leave, CODE, "Calls exit")
{
	exit((int)in->code);
}

TH_TASK(killed, NOTHING, "Kills its own process")
{
	kill(getpid(), SIGKILL);
	pause();
	return TH_OK;
}

static int deeper(volatile int depth)
{
	volatile char room[4096];

	room[0] = (char)depth;
	return depth < 0 ? 0 : deeper(depth + 1) + room[0];
}

TH_TASK(overflow, NOTHING, "Overflows the stack")
{
	return deeper(0) ? TH_OK : TH_E_USER;
}

static void *thread_that_dies(void *arg)
{
	(void)arg;
	abort();
}

TH_TASK(thread, NOTHING, "Dies on a second thread")
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread_that_dies, NULL) == 0)
		pthread_join(t, NULL);
	return TH_OK;
}

static void started(void)
{
	const char *path = getenv("FAULTY_STARTED");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f)
		fclose(f);
}

TH_TASK(sleepy, NOTHING, "Never ends, whatever it is asked")
{
	started();
	while (pause())
		;
	return TH_OK;
}

TH_TASK(gentle, NOTHING, "Ends when it is asked to")
{
	started();
	while (!th_cancelled(run))
		usleep(2000);
	return TH_E_CANCELLED;
}

/* Seen from outside, as a compiler may leave out an allocation that nobody can see. */
static void *volatile hogged;

#define HOG(X)                                                                                     \
	X(in, mb, integer, "how much")                                                             \
	X(out, o0, integer, "the same")
TH_TASK(hog, HOG, "Takes memory and aborts when there is none")
{
	for (int64_t i = 0; i < in->mb; i++) {
		hogged = malloc(1 << 20);
		if (!hogged)
			abort();
		memset(hogged, 1, 1 << 20);
	}
	out->o0 = in->mb;
	return TH_OK;
}

TH_EXECUTOR(Hog, "The same for templates", TH_NO_OPTIONS)
{
	th_val *slot = th_output(run, "o0");

	for (int i = 0; i < 512; i++) {
		hogged = malloc(1 << 20);
		if (!hogged)
			abort();
		memset(hogged, 1, 1 << 20);
	}
	return slot ? TH_LIT->set_i64(slot, 512) : TH_E_NOMEM;
}

TH_EXECUTOR(Quitter, "Leaves when the host refuses it memory", TH_NO_OPTIONS)
{
	while (TH_HOST->alloc(TH_HOST, 64 << 20, 0))
		;
	_exit(9);
}

TH_TASK(talk, NOTHING, "Prints to standard output and error")
{
	th_progress(run, 0.5, "half of it");
	printf("on stdout\n");
	fprintf(stderr, "on stderr\n");
	return TH_OK;
}

#define ENVIRONMENT(X)                                                                             \
	X(in, name, string, "of the variable")                                                     \
	X(out, o0, string, "its value")
TH_TASK(environment, ENVIRONMENT, "Reads an environment variable")
{
	if (TH_CONTEXT->env(run->exec, in->name, &out->o0) != TH_OK)
		out->o0 = th_s("(unset)");
	return TH_OK;
}

#define WRITE_FILE(X)                                                                              \
	X(in, text, string, "the content")                                                         \
	X(out, o0, file, "a file with it")
TH_TASK(write_file, WRITE_FILE, "Makes a file")
{
	static char path[4096];
	th_str dir;
	FILE *f;

	if (TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &dir) != TH_OK)
		return TH_E_SYSTEM;
	snprintf(path, sizeof(path), "%.*s/out.txt", (int)dir.len, dir.ptr);
	f = fopen(path, "w");
	if (!f)
		return TH_E_SYSTEM;
	fwrite(in->text.ptr, 1, in->text.len, f);
	fclose(f);
	out->o0.uri = th_s(path);
	return TH_OK;
}

TH_TASK(deck, NOTHING, "Opens a deck")
{
	th_deck *deck;

	if (TH_DECK_API->open(run->exec, th_s("Mine"), &deck) != TH_OK)
		return TH_E_SYSTEM;
	return TH_DECK_API->append_text(deck, th_s("words on a deck"));
}
