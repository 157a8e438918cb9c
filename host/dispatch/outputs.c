#include "dispatch/outputs.h"

#include "base/str.h"

struct str outputs_scheme(struct str uri)
{
	for (size_t i = 0; i + 2 < uri.len; i++) {
		if (memcmp(uri.ptr + i, "://", 3) == 0)
			return (struct str){uri.ptr, i};
		if (uri.ptr[i] == '/')
			break;
	}
	return STR("file");
}

struct outputs_plan
outputs_plan(const struct run_result *r, bool has_back_end, const struct dispatch_config *config)
{
	bool other_document = r->file_name && !streq(r->file_name, "outputs.pb");
	struct outputs_plan plan = {.above_warning = r->outputs.len > config->warn_outputs};
	bool small = r->outputs.len <= config->inline_most && r->deck.len == 0;

	if (has_back_end && (other_document || !small || config->outputs_as_files))
		plan.files = true;
	else if (!other_document &&
		 r->outputs.len <= (has_back_end ? config->inline_most : config->reply_most))
		plan.inline_ = true;
	else
		plan.impossible = true;
	return plan;
}
