#ifndef ZIMAGE_CLIBCURL_SHIM_H
#define ZIMAGE_CLIBCURL_SHIM_H

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

// curl_easy_setopt, curl_multi_setopt and curl_easy_getinfo are variadic, and Swift cannot call variadic C.
// One shim for each argument type keeps the width of what is passed right: a 32-bit int where libcurl
// reads a long would be undefined behaviour.

// Why: options that libcurl reads as a long (switches, milliseconds, versions).
static inline CURLcode zcurl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// Why: options that libcurl reads as a C string, which it copies.
static inline CURLcode zcurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

// Why: a body may hold zero bytes, so it is no C string. The size must be set before the bytes are copied.
static inline CURLcode zcurl_copy_body(CURL *handle, const void *bytes, curl_off_t count) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, count);
    return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, bytes) : code;
}

// Why: the header list is a pointer that libcurl does not copy; the caller keeps it until the transfer ends.
static inline CURLcode zcurl_set_headers(CURL *handle, struct curl_slist *headers) {
    return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
}

// Why: the buffer of CURL_ERROR_SIZE bytes belongs to the caller until the handle is gone.
static inline CURLcode zcurl_set_error_buffer(CURL *handle, char *buffer) {
    return curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, buffer);
}

// Why: function pointers and their context go in pairs, so that neither can be forgotten.
static inline CURLcode zcurl_on_body(CURL *handle, curl_write_callback function, void *context) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, function);
    return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_WRITEDATA, context) : code;
}

// Why: as above; libcurl hands over one header line a call.
static inline CURLcode zcurl_on_header(CURL *handle, curl_write_callback function, void *context) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, function);
    return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_HEADERDATA, context) : code;
}

// Why: as above; called with the very address that is about to be connected to.
static inline CURLcode zcurl_on_open_socket(CURL *handle, curl_opensocket_callback function, void *context) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, function);
    return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, context) : code;
}

// Why: as above; called when a connection stands and before the first byte of the request is sent.
static inline CURLcode zcurl_on_before_request(CURL *handle, curl_prereq_callback function, void *context) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, function);
    return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_PREREQDATA, context) : code;
}

// Why: curl_easy_getinfo is variadic too; this is the form for CURLINFO_RESPONSE_CODE and its like.
static inline CURLcode zcurl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

// Why: curl_multi_setopt is variadic too.
static inline CURLMcode zcurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

// Why: CURLMsg holds a union that Swift would have to read by member; the result is only valid for CURLMSG_DONE.
static inline CURL *zcurl_next_done(CURLM *multi, CURLcode *result) {
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(multi, &left); message;
         message = curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

// Why: the sockaddr at the end of curl_sockaddr is longer than its declared type (an IPv6 address needs 28
// bytes of it, the type has 16), so Swift must not copy it by value. Writes the numeric address, without a
// zone, and returns the port; -1 when the family is neither IPv4 nor IPv6.
static inline int zcurl_numeric_address(const struct curl_sockaddr *address, char *text, socklen_t count) {
    const void *raw = &address->addr;
    if (address->family == AF_INET) {
        struct sockaddr_in v4;
        if (address->addrlen < sizeof v4) return -1;
        memcpy(&v4, raw, sizeof v4);
        return inet_ntop(AF_INET, &v4.sin_addr, text, count) ? ntohs(v4.sin_port) : -1;
    }
    if (address->family == AF_INET6) {
        struct sockaddr_in6 v6;
        if (address->addrlen < sizeof v6) return -1;
        memcpy(&v6, raw, sizeof v6);
        return inet_ntop(AF_INET6, &v6.sin6_addr, text, count) ? ntohs(v6.sin6_port) : -1;
    }
    return -1;
}

// Why: CURL_SOCKET_BAD and the SOCK_ flags reach Swift as macros or enumerations that differ between C
// libraries. The socket is closed on exec, so that no child process inherits a connection.
static inline curl_socket_t zcurl_open_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Why: the macro is a cast that the importer skips.
static inline curl_socket_t zcurl_no_socket(void) { return CURL_SOCKET_BAD; }

// Why: the flags are macros with shifts and bars that not every importer evaluates.
static inline CURLcode zcurl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

#endif
