/* HMAC with SHA-256 (RFC 2104). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HMAC_SHA256_SIZE 32

void hmac_sha256(const void *key,
		 size_t key_len,
		 const void *data,
		 size_t len,
		 uint8_t out[HMAC_SHA256_SIZE]);
