/* The TLS library that Debian's libmicrohttpd.a asks for at link time, and never calls here: the
 * admin port speaks no TLS, and the program is to need no shared library but libc. Each function
 * says that it can do nothing, except those that run at start and end. */
#include <stddef.h>
#include <stdlib.h>

#define UNIMPLEMENTED (-1250) /* GNUTLS_E_UNIMPLEMENTED_FEATURE */

#define ABSENT(name)                                                                               \
	int name(void);                                                                            \
	int name(void)                                                                             \
	{                                                                                          \
		return UNIMPLEMENTED;                                                              \
	}

ABSENT(gnutls_alpn_set_protocols)
ABSENT(gnutls_bye)
ABSENT(gnutls_certificate_allocate_credentials)
ABSENT(gnutls_certificate_free_credentials)
ABSENT(gnutls_certificate_server_set_request)
ABSENT(gnutls_certificate_set_dh_params)
ABSENT(gnutls_certificate_set_retrieve_function2)
ABSENT(gnutls_certificate_set_retrieve_function3)
ABSENT(gnutls_certificate_set_x509_key_mem)
ABSENT(gnutls_certificate_set_x509_key_mem2)
ABSENT(gnutls_certificate_set_x509_trust_mem)
ABSENT(gnutls_cipher_get)
ABSENT(gnutls_credentials_set)
ABSENT(gnutls_deinit)
ABSENT(gnutls_dh_params_deinit)
ABSENT(gnutls_dh_params_import_pkcs3)
ABSENT(gnutls_dh_params_init)
ABSENT(gnutls_handshake)
ABSENT(gnutls_init)
ABSENT(gnutls_priority_deinit)
ABSENT(gnutls_priority_init)
ABSENT(gnutls_priority_set)
ABSENT(gnutls_protocol_get_version)
ABSENT(gnutls_psk_allocate_server_credentials)
ABSENT(gnutls_psk_free_server_credentials)
ABSENT(gnutls_psk_set_server_credentials_function)
ABSENT(gnutls_record_check_pending)
ABSENT(gnutls_record_get_direction)
ABSENT(gnutls_session_set_ptr)
ABSENT(gnutls_transport_set_int2)

/* Before main() and after exit(). */
int gnutls_global_init(void);
int gnutls_global_init(void)
{
	return 0;
}

void gnutls_global_deinit(void);
void gnutls_global_deinit(void)
{
}

/* Those that do not return an int. */
ptrdiff_t gnutls_record_recv(void);
ptrdiff_t gnutls_record_recv(void)
{
	return UNIMPLEMENTED;
}

ptrdiff_t gnutls_record_send(void);
ptrdiff_t gnutls_record_send(void)
{
	return UNIMPLEMENTED;
}

void *gnutls_session_get_ptr(void);
void *gnutls_session_get_ptr(void)
{
	return NULL;
}

const char *gnutls_strerror(int code);
const char *gnutls_strerror(int code)
{
	(void)code;
	return "TLS is not built in";
}

extern void *(*gnutls_malloc)(size_t);
void *(*gnutls_malloc)(size_t) = malloc;
