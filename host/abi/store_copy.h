/* The private copy that is mapped instead of the file a person writes to. Inside the layer only. */
#pragma once

#include "base/digest.h"
#include "base/error.h"

/* Makes "<store_dir>/plugins/<digest>.so" hold the bytes, or a sealed memfd. *ret_path is what to
 * dlopen; *ret_fd is a descriptor of it for reading (a memfd must stay open while it is mapped);
 * *ret_memfd tells which. */
int store_copy_bytes(const void *data,
		     size_t len,
		     const char *hex,
		     const char *store_dir,
		     char **ret_path,
		     int *ret_fd,
		     bool *ret_memfd,
		     struct error *err);

/* All bytes of an open plugin file in fresh anonymous memory (munmap it). */
int store_read(int fd, const char *path, void **ret_data, size_t *ret_len, struct error *err);
