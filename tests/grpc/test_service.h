/* grpc.testing.TestService, and taskhost.testing.Echo: what interop-server serves. */
#pragma once

#include "grpc/engine.h"
#include "loop/loop.h"

int test_service_add(struct grpc_engine *e, struct loop *l, struct error *err);
int echo_service_add(struct grpc_engine *e, struct loop *l, struct error *err);
