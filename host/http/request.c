/* From libmicrohttpd's calls to a response. */
#include "http/private.h"

#include "base/mem.h"

#include <strings.h>

/* ---- what is not answered at all --------------------------------------------------------- */

static const char *header(struct MHD_Connection *mhd, const char *name)
{
	return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

/* Digits, dots and colons: no name can look like that. */
static bool is_address(struct str host)
{
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		return true;
	for (size_t i = 0; i < host.len; i++)
		if (!strchr("0123456789.", host.ptr[i]))
			return false;
	return host.len > 0;
}

static bool host_ok(const struct http_server *s, const char *text)
{
	struct str host = str_of(text);
	const char *colon;

	if (!s->loopback || !text)
		return true;
	colon = memrchr(host.ptr, ':', host.len);
	if (colon && strspn(colon + 1, "0123456789") == strlen(colon + 1))
		host.len = (size_t)(colon - host.ptr);
	if (is_address(host))
		return true;
	return (host.len == 9 && strncasecmp(host.ptr, "localhost", 9) == 0) ||
	       (host.len > 10 && strncasecmp(host.ptr + host.len - 10, ".localhost", 10) == 0);
}

/* False after having written why not. */
static bool acceptable(struct http_answer *a, const char *method)
{
	const char *host = header(a->conn->mhd, MHD_HTTP_HEADER_HOST);
	const char *length = header(a->conn->mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (!streq(method, MHD_HTTP_METHOD_GET) && !streq(method, MHD_HTTP_METHOD_HEAD)) {
		http_answer_text(a, MHD_HTTP_METHOD_NOT_ALLOWED,
				 "this port only tells: GET and HEAD are allowed");
		return false;
	}
	if (header(a->conn->mhd, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
	    (length && !streq(length, "0"))) {
		http_answer_text(a, MHD_HTTP_BAD_REQUEST, "a request here has no body");
		return false;
	}
	if (!host_ok(a->server, host)) {
		http_answer_text(a, MHD_HTTP_MISDIRECTED_REQUEST,
				 "on a loopback address this port answers only to addresses and "
				 "localhost in the Host header, not to \"%.200s\"",
				 host);
		return false;
	}
	return true;
}

/* ---- the response ------------------------------------------------------------------------ */

static const struct {
	const char *name, *value;
} headers[] = {
	{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

#define CSP_NOTHING "default-src 'none'; frame-ancestors 'none'"

static bool add_headers(struct MHD_Response *r, const struct http_answer *a)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (MHD_add_response_header(r, headers[i].name, headers[i].value) != MHD_YES)
			return false;
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED &&
	    MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") != MHD_YES)
		return false;
	return MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type) == MHD_YES &&
	       MHD_add_response_header(r, "Content-Security-Policy",
				       a->csp ? a->csp : CSP_NOTHING) == MHD_YES;
}

/* MHD_NO closes the connection: all that is left to do without memory. */
static enum MHD_Result respond(struct http_answer *a)
{
	struct MHD_Response *r;
	enum MHD_Result result = MHD_NO;
	size_t len;
	char *body;

	if (a->expired)
		http_answer_text(a, MHD_HTTP_GATEWAY_TIMEOUT,
				 "the worker did not answer in time; try again");
	body = buf_take(&a->body, &len);
	if (!body)
		return MHD_NO;
	r = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		free(body);
		return MHD_NO;
	}
	if (add_headers(r, a))
		result = MHD_queue_response(a->conn->mhd, (unsigned)a->status, r);
	MHD_destroy_response(r);
	return result;
}

/* ---- the request ------------------------------------------------------------------------- */

/* Called first with the headers, then again when all has been received, and once more after a
 * suspended connection was resumed. What is refused by its headers is answered in the first call,
 * which also keeps libmicrohttpd from reading a body. */
enum MHD_Result http_request(void *cls,
			     struct MHD_Connection *mhd,
			     const char *url,
			     const char *method,
			     const char *version,
			     const char *data,
			     size_t *data_size,
			     void **ret_answer)
{
	struct http_answer *a = *ret_answer;
	const union MHD_ConnectionInfo *info;

	(void)cls, (void)version, (void)data;
	if (!a) {
		info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
		if (!info || !info->socket_context)
			return MHD_NO;
		a = http_answer_new(info->socket_context);
		if (!a)
			return MHD_NO;
		*ret_answer = a;
		return acceptable(a, method) ? MHD_YES : respond(a);
	}
	if (*data_size > 0) {
		*data_size = 0;
		return MHD_YES;
	}
	if (!a->routed) {
		a->routed = true;
		http_route(a, url);
	}
	if (!a->held || a->expired)
		return respond(a);
	a->conn->waiting = a;
	MHD_suspend_connection(mhd);
	return MHD_YES;
}
