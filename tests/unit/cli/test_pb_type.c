#include "cli/pb_type.h"
#include "lib/test.h"

TEST(full_and_short_names)
{
	struct error err = ERROR_INIT;
	const struct message_desc *type;

	CHECK_OK(pb_type_find("flyteidl.core.LiteralMap", &type, &err), err);
	CHECK_STR(type->name, "flyteidl.core.LiteralMap");
	CHECK_OK(pb_type_find("LiteralMap", &type, &err), err);
	CHECK_STR(type->name, "flyteidl.core.LiteralMap");
	CHECK_OK(pb_type_find("core.Literal", &type, &err), err);
	CHECK_STR(type->name, "flyteidl.core.Literal");
}

TEST(short_name_of_several)
{
	struct error err = ERROR_INIT;
	const struct message_desc *type;

	CHECK_ERR(pb_type_find("ServerReflectionRequest", &type, &err), ERR_INVALID, err,
		  "could be any of: grpc.reflection.v1");
}

TEST(mistyped_name)
{
	struct error err = ERROR_INIT;
	const struct message_desc *type;

	CHECK_ERR(pb_type_find("LiteralMpa", &type, &err), ERR_NOT_FOUND, err, "LiteralMap");
	CHECK_ERR(pb_type_find("", &type, &err), ERR_NOT_FOUND, err, "pb types");
	CHECK_ERR(pb_type_find("iteralMap", &type, &err), ERR_NOT_FOUND, err, "did you mean");
}
