/* The functions behind the tables of th.literal/1, by what they do; extensions.c puts them
 * together. All follow plugin-api/include/taskhost/literal.h; NULL handles are tolerated. */
#pragma once

#include "task/exec.h"

/* api_read.c */
uint32_t read_input_count(th_exec *handle);
const th_lit *read_input_at(th_exec *handle, uint32_t i, th_str *ret_name);
const th_lit *read_input(th_exec *handle, th_str name);
uint32_t read_kind(const th_lit *lit);
th_status read_i64(const th_lit *lit, int64_t *ret);
th_status read_f64(const th_lit *lit, double *ret);
th_status read_bool(const th_lit *lit, uint32_t *ret);
th_status read_datetime(const th_lit *lit, th_datetime *ret);
th_status read_duration(const th_lit *lit, th_duration *ret);
th_status read_binary(const th_lit *lit, th_bytes *ret_value, th_str *ret_tag);
th_status read_blob(const th_lit *lit, th_blob *ret);
th_status read_dataset(const th_lit *lit, th_dataset *ret);
th_status read_error(const th_lit *lit, th_str *ret_node_id, th_str *ret_message);
th_status read_offloaded(const th_lit *lit, th_str *ret_uri, uint64_t *ret_size);
th_status read_union_tag(const th_lit *lit, th_str *ret);
th_status read_hash(const th_lit *lit, th_str *ret);
th_status read_metadata(const th_lit *lit, th_str key, th_str *ret);
th_status read_metadata_at(const th_lit *lit, uint32_t i, th_str *ret_key, th_str *ret_value);

/* api_contents.c: what is worked out once and kept */
th_status read_str(const th_lit *lit, th_str *ret);
th_status read_inputs_raw(th_exec *handle, th_bytes *ret);
th_status read_json(const th_lit *lit, th_str *ret);
th_status read_raw(const th_lit *lit, th_bytes *ret);
th_status read_len(const th_lit *lit, uint64_t *ret);
const th_lit *read_item(const th_lit *lit, uint64_t i);
const th_lit *read_entry(const th_lit *lit, uint64_t i, th_str *ret_key);
const th_lit *read_get(const th_lit *lit, th_str key);
th_status read_i64_list(const th_lit *lit, th_i64_list *ret);
th_status read_f64_list(const th_lit *lit, th_f64_list *ret);
const th_lit *read_union_value(const th_lit *lit);

/* local_path.c */
th_status read_local_path(th_exec *handle, const th_lit *lit, th_str *ret, th_errout *error);

/* api_write.c */
th_status write_output(th_exec *handle, th_str name, th_val **ret_slot);
th_status write_i64(th_val *v, int64_t value);
th_status write_f64(th_val *v, double value);
th_status write_bool(th_val *v, uint32_t value);
th_status write_str(th_val *v, th_str value);
th_status write_datetime(th_val *v, th_datetime value);
th_status write_duration(th_val *v, th_duration value);
th_status write_none(th_val *v);
th_status write_binary(th_val *v, th_bytes value, th_str tag);
th_status write_blob(th_val *v, const th_blob *blob);
th_status write_dataset(th_val *v, const th_dataset *dataset);
th_status write_error(th_val *v, th_str node_id, th_str message);
th_status write_reserve_str(th_val *v, size_t n, char **ret);
th_status write_reserve_binary(th_val *v, size_t n, th_str tag, uint8_t **ret);
th_status write_hash(th_val *v, th_str hash);
th_status write_metadata(th_val *v, th_str key, th_str value);

/* api_build.c: containers, whole literals, everything at once */
th_status write_json(th_val *v, th_str json);
th_status write_generic(th_val *v, th_str json);
th_status write_collection(th_val *v);
th_status write_append(th_val *v, th_val **ret_slot);
th_status write_map(th_val *v);
th_status write_put(th_val *v, th_str key, th_val **ret_slot);
th_status write_i64_list(th_val *v, const int64_t *values, size_t n);
th_status write_f64_list(th_val *v, const double *values, size_t n);
th_status write_union(th_val *v, th_str tag, th_val **ret_slot);
th_status write_literal(th_val *v, const th_lit *lit);
th_status write_raw(th_val *v, th_bytes literal);
th_status write_outputs_raw(th_exec *handle, th_bytes literal_map, th_errout *error);
th_status write_dynamic_job_raw(th_exec *handle, th_bytes spec, th_errout *error);

/* Clears a slot for a new value; TH_E_INVALID for NULL. */
th_status val_begin(th_val *v, enum val_kind kind);
/* A checked copy: UTF-8 without U+0000. */
th_status val_text(th_val *v, th_str text, th_str *ret);
