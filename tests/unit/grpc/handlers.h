/* Handlers that the engine's tests share: service t.T. */
#pragma once

#include "client.h"

struct log {
	struct grpc_call *kept[64]; /* calls that Keep got */
	size_t n_kept;
	int started, cancelled, half_closed, writable, messages;
	struct buf text; /* messages, each followed by '|' */
	void (*on_start)(struct grpc_call *call);
	size_t reply_size;
	bool pause_each;
	int send_result;
};

extern struct log handlers; /* of the current test */
extern const struct grpc_service test_service;

void handlers_begin(void);
void handlers_end(void);
/* The same with a client on the service, as client_open; close finishes what is kept. */
void handlers_open(struct client *c, const struct grpc_limits *limits);
void handlers_close(struct client *c);
/* Finishes what Keep keeps. */
void handlers_finish_kept(enum grpc_status status);
