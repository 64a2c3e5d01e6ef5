// libpq needs no shims of its own: every function that Postgres calls is plain C.
#include <libpq-fe.h>
