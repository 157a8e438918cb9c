// A yardstick for tools/bench: gRPC's own C++ server with its callback API. It answers with the first
// 190 bytes of the request, about the size of a CreateTaskResponse. Prints its port, serves until
// SIGTERM.
#include "grpc_echo.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <csignal>
#include <cstdio>

namespace
{

constexpr size_t reply_size = 190;
constexpr int receive_max = 64 << 20;

class Echo final : public taskhost::bench::Echo::CallbackService
{
	grpc::ServerUnaryReactor *Call(grpc::CallbackServerContext *context,
				       const taskhost::bench::Bytes *request,
				       taskhost::bench::Bytes *reply) override
	{
		reply->set_value(request->value().substr(0, reply_size));
		auto *reactor = context->DefaultReactor();
		reactor->Finish(grpc::Status::OK);
		return reactor;
	}
};

} // namespace

int main()
{
	Echo echo;
	grpc::ServerBuilder builder;
	int port = 0;

	builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
	builder.SetMaxReceiveMessageSize(receive_max);
	builder.RegisterService(&echo);
	auto server = builder.BuildAndStart();
	if (!server || port == 0) {
		std::fprintf(stderr, "grpc_echo: cannot listen\n");
		return 1;
	}
	std::printf("listening on 127.0.0.1:%d\n", port);
	std::fflush(stdout);
	server->Wait();
	return 0;
}
