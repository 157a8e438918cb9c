/* The module taskhost-tls: OpenSSL between two memory buffers. Links nothing of ours. */
#include "grpc/tls_table.h"

/* OpenSSL has a type of that name. */
#define ERR_STATE openssl_error_state
#include <openssl/err.h>
#include <openssl/ssl.h>
#undef ERR_STATE
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const struct module_host *host;

static int set_error(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int set_error(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->error(err, code, fmt, ap);
	va_end(ap);
	return code;
}

static void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->warn(fmt, ap);
	va_end(ap);
}

/* The newest of OpenSSL's complaints; forgets them all. */
static const char *complaint(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return text ? text : "unknown reason";
}

/* ---- certificates ------------------------------------------------------------------------ */

enum { CERT, KEY, CLIENT_CA, N_FILES };

/* What tells that a file is another one now. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct tls_context {
	SSL_CTX *ssl;
	char *paths[N_FILES]; /* NULL: none */
	struct identity seen[N_FILES];
	time_t looked; /* CLOCK_MONOTONIC, seconds */
};

static void identify(const char *path, struct identity *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (path && stat(path, &st) == 0) {
		out->dev = st.st_dev;
		out->ino = st.st_ino;
		out->size = st.st_size;
		out->mtime = st.st_mtim;
		out->ctime = st.st_ctim;
	}
}

/* HTTP/2 or nothing. */
static int choose_protocol(SSL *ssl,
			   const unsigned char **out,
			   unsigned char *out_len,
			   const unsigned char *in,
			   unsigned in_len,
			   void *arg)
{
	static const unsigned char h2[] = {2, 'h', '2'};

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, h2, sizeof(h2), in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int load_files(SSL_CTX *ssl, char *const paths[N_FILES], struct error *err)
{
	if (SSL_CTX_use_certificate_chain_file(ssl, paths[CERT]) != 1)
		return set_error(err, ERR_INVALID, "cannot use the certificate %s: %s", paths[CERT],
				 complaint());
	if (SSL_CTX_use_PrivateKey_file(ssl, paths[KEY], SSL_FILETYPE_PEM) != 1)
		return set_error(err, ERR_INVALID,
				 "cannot use the key %s with the certificate %s: %s", paths[KEY],
				 paths[CERT], complaint());
	if (!paths[CLIENT_CA])
		return 0;
	if (SSL_CTX_load_verify_locations(ssl, paths[CLIENT_CA], NULL) != 1)
		return set_error(err, ERR_INVALID, "cannot use the client CA %s: %s",
				 paths[CLIENT_CA], complaint());
	SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(paths[CLIENT_CA]));
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static SSL_CTX *make_ssl(char *const paths[N_FILES], struct error *err)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	static const unsigned char session[] = "taskhost";

	if (!ssl) {
		set_error(err, ERR_NOMEM, "cannot set up TLS: %s", complaint());
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Idle connections keep no buffers. */
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_id_context(ssl, session, sizeof(session) - 1);
	SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
	if (load_files(ssl, paths, err) < 0) {
		SSL_CTX_free(ssl);
		return NULL;
	}
	return ssl;
}

static void context_free(struct tls_context *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ssl);
	for (int i = 0; i < N_FILES; i++)
		free(c->paths[i]);
	free(c);
}

static struct tls_context *context_new(const struct tls_options *options, struct error *err)
{
	const char *const paths[N_FILES] = {options->cert_file, options->key_file,
					    options->client_ca_file};
	struct tls_context *c = calloc(1, sizeof(*c));
	bool copied = c != NULL;

	for (int i = 0; copied && i < N_FILES; i++) {
		c->paths[i] = paths[i] ? strdup(paths[i]) : NULL;
		copied = !paths[i] || c->paths[i];
		identify(paths[i], &c->seen[i]);
	}
	if (!copied) {
		set_error(err, ERR_NOMEM, "out of memory for TLS");
		context_free(c);
		return NULL;
	}
	c->ssl = make_ssl(c->paths, err);
	if (!c->ssl) {
		context_free(c);
		return NULL;
	}
	return c;
}

/* Takes new files into use. Connections that exist keep the context they began with. */
static void refresh(struct tls_context *c)
{
	struct identity now[N_FILES];
	struct error err = {.code = 0};
	struct timespec ts;
	SSL_CTX *ssl;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (ts.tv_sec == c->looked)
		return;
	c->looked = ts.tv_sec;
	for (int i = 0; i < N_FILES; i++)
		identify(c->paths[i], &now[i]);
	if (memcmp(now, c->seen, sizeof(now)) == 0)
		return;
	memcpy(c->seen, now, sizeof(now));
	ssl = make_ssl(c->paths, &err);
	if (!ssl) {
		warn("TLS: the changed files cannot be used, the former ones stay: %s",
		     err.message);
		return;
	}
	SSL_CTX_free(c->ssl);
	c->ssl = ssl;
}

/* ---- connections ------------------------------------------------------------------------- */

struct filter {
	SSL *ssl;
	BIO *in, *out; /* of ssl */
};

static void filter_close(struct filter *f)
{
	SSL_free(f->ssl);
	free(f);
}

static struct filter *filter_open(void *context)
{
	struct tls_context *c = context;
	struct filter *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	refresh(c);
	f->ssl = SSL_new(c->ssl);
	f->in = BIO_new(BIO_s_mem());
	f->out = BIO_new(BIO_s_mem());
	if (!f->ssl || !f->in || !f->out) {
		BIO_free(f->in);
		BIO_free(f->out);
		filter_close(f);
		return NULL;
	}
	SSL_set_bio(f->ssl, f->in, f->out);
	SSL_set_accept_state(f->ssl);
	return f;
}

/* 0 when it only needs more bytes. */
static int judge(struct filter *f, int result, const char *what, struct error *err)
{
	int why = SSL_get_error(f->ssl, result);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ||
	    why == SSL_ERROR_ZERO_RETURN) {
		ERR_clear_error();
		return 0;
	}
	return set_error(err, ERR_INVALID, "%s: %s", what, complaint());
}

static int filter_feed(struct filter *f, const void *data, size_t len, struct error *err)
{
	int r;

	if (BIO_write(f->in, data, (int)len) != (int)len)
		return set_error(err, ERR_NOMEM, "out of memory for TLS");
	if (SSL_is_init_finished(f->ssl))
		return 0;
	ERR_clear_error();
	r = SSL_do_handshake(f->ssl);
	return r == 1 ? 0 : judge(f, r, "the TLS handshake failed", err);
}

static ssize_t filter_read(struct filter *f, void *buf, size_t cap, struct error *err)
{
	size_t n = 0;
	int r;

	ERR_clear_error();
	r = SSL_read_ex(f->ssl, buf, cap, &n);
	return r == 1 ? (ssize_t)n : judge(f, r, "TLS is broken", err);
}

static int filter_write(struct filter *f, const void *data, size_t len, struct error *err)
{
	size_t n = 0;

	ERR_clear_error();
	if (SSL_write_ex(f->ssl, data, len, &n) != 1 || n != len)
		return set_error(err, ERR_IO, "TLS cannot send: %s", complaint());
	return 0;
}

static size_t filter_output(struct filter *f, void *buf, size_t cap)
{
	int n = BIO_read(f->out, buf, (int)cap);

	return n > 0 ? (size_t)n : 0;
}

static int filter_established(struct filter *f, struct grpc_peer *peer)
{
	X509 *cert;
	BIO *text;
	int n;

	if (!SSL_is_init_finished(f->ssl))
		return 0;
	cert = SSL_get1_peer_certificate(f->ssl);
	if (!cert)
		return 1;
	text = BIO_new(BIO_s_mem());
	if (text &&
	    X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
		n = BIO_read(text, peer->subject, sizeof(peer->subject) - 1);
		peer->subject[n > 0 ? n : 0] = 0;
	}
	BIO_free(text);
	X509_free(cert);
	return 1;
}

/* ---- the module -------------------------------------------------------------------------- */

static const struct tls_table table = {
	.context_new = context_new,
	.context_free = context_free,
	.filter =
		{
			.open = filter_open,
			.feed = filter_feed,
			.read = filter_read,
			.write = filter_write,
			.output = filter_output,
			.established = filter_established,
			.close = filter_close,
		},
};

static const void *start(const struct module_host *host_table)
{
	host = host_table;
	return &table;
}

__attribute__((visibility("default"))) const struct module_entry taskhost_module;
const struct module_entry taskhost_module = {.version = TASKHOST_VERSION, .start = start};
