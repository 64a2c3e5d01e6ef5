// libargon2 needs no shims of its own: every function that Keys calls is plain C.
#include <argon2.h>
