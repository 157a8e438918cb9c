/* th.model/1: the TaskTemplate. Views live as long as the th_model: the call it came with, or the
 * instance when it came with open. All functions: [any]. Mirrors flyteidl.core.TaskTemplate. */
#ifndef TASKHOST_MODEL_H
#define TASKHOST_MODEL_H

#include "literal.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TH_EXT_MODEL "th.model/1"

typedef struct th_identifier {
	uint32_t resource_type; /* flyteidl.core.ResourceType: 1 TASK */
	uint32_t reserved;
	th_str project, domain, name, version, org;
} th_identifier;

typedef struct th_variable { /* one declared input or output */
	th_str name;
	th_str description;
	th_str type_json;  /* LiteralType in protobuf's JSON */
	th_bytes type_raw; /* serialized LiteralType */
	uint32_t kind; /* the TH_KIND_… a literal of this type has; BINARY for msgpack structs */
	uint32_t reserved;
} th_variable;

typedef struct th_task_metadata {
	uint32_t discoverable, cache_serializable, retries;
	uint32_t interruptible;  /* 0 false, 1 true, 2 not said */
	uint32_t generates_deck; /* 0 false, 1 true, 2 not said */
	uint32_t reserved;
	th_duration timeout; /* 0: none */
	th_str discovery_version, deprecated_error_message, pod_template_name;
	th_str runtime_version, runtime_flavor;
} th_task_metadata;

typedef struct th_secret_ref {
	th_str group, group_version, key, env_var;
	uint32_t mount_requirement; /* 0 any, 1 environment variable, 2 file */
	uint32_t reserved;
} th_secret_ref;

typedef struct th_container {
	th_str image;
	uint32_t n_command, n_args, n_env, n_resources;
} th_container;

enum { TH_INPUTS = 0, TH_OUTPUTS = 1 };

typedef struct th_model_api {
	uint32_t struct_size;
	uint32_t reserved;

	th_status (*id)(const th_model *m, th_identifier *ret);
	th_status (*type)(const th_model *m, th_str *ret, int32_t *ret_version);
	th_status (*metadata)(const th_model *m, th_task_metadata *ret);
	th_status (*tag_at)(const th_model *m, uint32_t i, th_str *ret_key, th_str *ret_value);

	uint32_t (*variable_count)(const th_model *m, uint32_t direction);
	th_status (*variable_at)(const th_model *m,
				 uint32_t direction,
				 uint32_t i,
				 th_variable *ret);
	th_status (*variable)(const th_model *m, uint32_t direction, th_str name, th_variable *ret);

	/* The custom Struct as a literal of kind GENERIC, for th_literal_api's get, item, as_…;
	 * NULL when the template has none. All its numbers are doubles; as_i64 takes whole ones. */
	const th_lit *(*custom)(const th_model *m);

	th_status (*config)(const th_model *m, th_str key, th_str *ret); /* TH_E_NOT_FOUND */
	th_status (*config_at)(const th_model *m, uint32_t i, th_str *ret_key, th_str *ret_value);

	/* TH_E_NOT_FOUND when the target is not a container. Resource names are "cpu", "gpu",
	 * "memory", "storage", "ephemeral_storage"; quantities are Kubernetes' text. */
	th_status (*container)(const th_model *m, th_container *ret);
	th_status (*container_command)(const th_model *m, uint32_t i, th_str *ret);
	th_status (*container_arg)(const th_model *m, uint32_t i, th_str *ret);
	th_status (*container_env)(const th_model *m,
				   uint32_t i,
				   th_str *ret_key,
				   th_str *ret_value);
	th_status (*resource)(const th_model *m, uint32_t limits, th_str name, th_str *ret);

	th_status (*sql)(const th_model *m, th_str *ret_statement, uint32_t *ret_dialect);
	th_status (*k8s_pod_json)(const th_model *m, th_str *ret); /* protobuf's JSON of K8sPod */
	th_status (*secret_at)(const th_model *m, uint32_t i, th_secret_ref *ret);

	th_status (*raw)(const th_model *m, th_bytes *ret); /* serialized TaskTemplate */
	th_status (*json)(const th_model *m, th_str *ret);  /* protobuf's JSON of it */
} th_model_api;

#ifdef __cplusplus
}
#endif
#endif
