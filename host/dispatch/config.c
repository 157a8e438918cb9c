#include "dispatch/config.h"

struct dispatch_config dispatch_defaults(void)
{
	return (struct dispatch_config){
		.slots = 4,
		.pending_slots = 10000,
		.queue_most = 100000,
		.aging_ns = 30 * NS_S,
		.start_ns = 60 * NS_S,
		.retry_first_ns = 1 * NS_S,
		.retry_most_ns = 300 * NS_S,
		.poison_crashes = 3,
		.losses_most = 3,
		.not_started_most = 10,
		.ask_ns = 3 * NS_S,
		.term_ns = 2 * NS_S,
		.kill_ns = 5 * NS_S,
		.inline_most = (size_t)64 << 10,
		.reply_most = (size_t)3584 << 10,
		.warn_outputs = (size_t)2 << 20,
		.upload_ns = 3600 * NS_S,
		.spec_bytes_most = (size_t)64 << 20,
		.ended_most = 10000,
		.ended_bytes_most = (size_t)16 << 20,
		.lost_ns = 60 * NS_S,
		.keep_ns = 24 * 3600 * NS_S,
		.keep_dead_ns = 7 * 24 * 3600 * NS_S,
		.sweep_ns = 60 * NS_S,
		.lameduck_ns = 5 * NS_S,
		.grace_ns = 25 * NS_S,
		.soft_stop_ns = 3 * NS_S,
		.commit_reserve_ns = 10 * NS_S,
	};
}
