#include "grpc/status.h"

#include "base/digest.h"
#include "base/mem.h"

static const char *const names[GRPC_STATUSES] = {
#define X(name, number) [number] = #name,
	GRPC_STATUS_MAP(X)
#undef X
};

const char *grpc_status_name(int status)
{
	return names[status >= 0 && status < GRPC_STATUSES ? status : GRPC_UNKNOWN];
}

struct str grpc_status_digits(int status)
{
	static const char digits[GRPC_STATUSES][3] = {"0",  "1",  "2",  "3",  "4",  "5",
						      "6",  "7",  "8",  "9",  "10", "11",
						      "12", "13", "14", "15", "16"};

	if (status < 0 || status >= GRPC_STATUSES)
		status = GRPC_UNKNOWN;
	return (struct str){digits[status], status < 10 ? 1 : 2};
}

enum grpc_status grpc_status_of(int err_code)
{
	switch (err_code) {
	case ERR_OK:
		return GRPC_OK;
	case ERR_NOMEM:
	case ERR_LIMIT:
		return GRPC_RESOURCE_EXHAUSTED;
	case ERR_INVALID:
	case ERR_MISMATCH:
		return GRPC_INVALID_ARGUMENT;
	case ERR_NOT_FOUND:
		return GRPC_NOT_FOUND;
	case ERR_DENIED:
		return GRPC_PERMISSION_DENIED;
	case ERR_UNSUPPORTED:
		return GRPC_UNIMPLEMENTED;
	case ERR_TIMEOUT:
		return GRPC_DEADLINE_EXCEEDED;
	case ERR_STATE:
		return GRPC_FAILED_PRECONDITION;
	case ERR_CANCELLED:
		return GRPC_CANCELLED;
	default:
		return GRPC_INTERNAL;
	}
}

size_t grpc_message_encode(struct str message, char out[GRPC_MESSAGE_MAX])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < message.len;) {
		uint8_t c = (uint8_t)message.ptr[i];
		size_t bytes = utf8_char(message.ptr + i, message.len - i);

		if (c >= ' ' && c <= '~' && c != '%') {
			if (n == GRPC_MESSAGE_MAX)
				break;
			out[n++] = (char)c;
			i++;
			continue;
		}
		bytes = bytes == 0 ? 1 : bytes;
		if (GRPC_MESSAGE_MAX - n < 3 * bytes)
			break;
		for (; bytes > 0; bytes--, i++) {
			c = (uint8_t)message.ptr[i];
			out[n++] = '%';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		}
	}
	return n;
}

size_t grpc_message_decode(struct str encoded, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < encoded.len && n < cap; i++) {
		int high = -1, low = -1;

		if (encoded.ptr[i] == '%' && encoded.len - i > 2) {
			high = hex_digit(encoded.ptr[i + 1]);
			low = hex_digit(encoded.ptr[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			out[n++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[n++] = encoded.ptr[i];
		}
	}
	return n;
}
