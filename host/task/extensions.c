#include "task/api.h"
#include "task/model.h"
#include "task/services.h"

const th_literal_api task_literal_api = {
	.struct_size = sizeof(th_literal_api),
	.input_count = read_input_count,
	.input_at = read_input_at,
	.input = read_input,
	.inputs_raw = read_inputs_raw,
	.kind = read_kind,
	.as_i64 = read_i64,
	.as_f64 = read_f64,
	.as_bool = read_bool,
	.as_str = read_str,
	.as_datetime = read_datetime,
	.as_duration = read_duration,
	.as_binary = read_binary,
	.as_blob = read_blob,
	.as_dataset = read_dataset,
	.as_error = read_error,
	.as_offloaded = read_offloaded,
	.as_json = read_json,
	.len = read_len,
	.item = read_item,
	.entry = read_entry,
	.get = read_get,
	.i64_list = read_i64_list,
	.f64_list = read_f64_list,
	.union_value = read_union_value,
	.union_tag = read_union_tag,
	.hash = read_hash,
	.metadata = read_metadata,
	.metadata_at = read_metadata_at,
	.raw = read_raw,
	.local_path = read_local_path,
	.output = write_output,
	.set_i64 = write_i64,
	.set_f64 = write_f64,
	.set_bool = write_bool,
	.set_str = write_str,
	.set_datetime = write_datetime,
	.set_duration = write_duration,
	.set_none = write_none,
	.set_binary = write_binary,
	.set_blob = write_blob,
	.set_dataset = write_dataset,
	.set_error = write_error,
	.set_json = write_json,
	.set_generic = write_generic,
	.set_collection = write_collection,
	.append = write_append,
	.set_map = write_map,
	.put = write_put,
	.set_i64_list = write_i64_list,
	.set_f64_list = write_f64_list,
	.set_union = write_union,
	.set_literal = write_literal,
	.set_raw = write_raw,
	.set_hash = write_hash,
	.set_metadata = write_metadata,
	.reserve_str = write_reserve_str,
	.reserve_binary = write_reserve_binary,
	.outputs_raw = write_outputs_raw,
	.dynamic_job_raw = write_dynamic_job_raw,
};

#define EXTENSIONS(X)                                                                              \
	X(TH_EXT_LITERAL, task_literal_api)                                                        \
	X(TH_EXT_MODEL, task_model_api)                                                            \
	X(TH_EXT_CONTEXT, task_context_api)                                                        \
	X(TH_EXT_SECRETS, task_secrets_api)                                                        \
	X(TH_EXT_LOG, task_log_api)                                                                \
	X(TH_EXT_DECK, task_deck_api)                                                              \
	X(TH_EXT_CHECKPOINT, task_checkpoint_api)                                                  \
	X(TH_EXT_PROGRESS, task_progress_api)                                                      \
	X(TH_EXT_CANCEL, task_cancel_api)                                                          \
	X(TH_EXT_DEADLINE, task_deadline_api)

#define ENTRY(id, table) {id, &(table)},
#define ID(id, table)    id,

const struct host_extension task_extensions[] = {EXTENSIONS(ENTRY){NULL, NULL}};
const char *const task_extension_ids[] = {EXTENSIONS(ID) NULL};

/* ---- what th_host needs ---------------------------------------------------------------------- */

static void *ops_arena_alloc(th_exec *handle, size_t size, size_t align)
{
	struct exec *e = exec_of(handle);

	if (!e || (align & (align - 1)))
		return NULL;
	return lit_home_alloc(&e->home, size, align);
}

static th_errout *ops_exec_error(th_exec *handle)
{
	struct exec *e = exec_of(handle);

	return e ? errout_handle(&e->slot) : NULL;
}

static void ops_exec_complete(th_exec *handle, th_status status)
{
	exec_complete_now(handle, status);
}

const struct host_exec_ops task_exec_ops = {
	.arena_alloc = ops_arena_alloc,
	.exec_error = ops_exec_error,
	.exec_complete = ops_exec_complete,
};
