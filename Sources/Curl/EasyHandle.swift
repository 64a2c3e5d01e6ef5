import CLibcurl

/// Owns one libcurl easy handle, its header list and its error buffer, and frees them together.
/// It lives on the loop thread only.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorBuffer: UnsafeMutablePointer<CChar>

    init() throws(CurlError) {
        guard let pointer = curl_easy_init() else {
            throw .other(isRequestPossiblySent: false, detail: "libcurl is out of memory")
        }
        self.pointer = pointer
        errorBuffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        zcurl_set_error_buffer(pointer, errorBuffer)
    }

    deinit {
        // The handle goes first: it may still write to the buffer and read the list while it is cleaned up.
        curl_easy_cleanup(pointer)
        curl_slist_free_all(headerList)
        errorBuffer.deallocate()
    }

    /// The text that libcurl left for this failure, or its general text for the code.
    func detail(_ code: CURLcode) -> String {
        let text = String(cString: errorBuffer)
        return String((text.isEmpty ? String(cString: curl_easy_strerror(code)) : text).prefix(256))
    }

    /// The response's status code; 0 when there is none.
    var status: Int {
        var status = 0
        zcurl_get_long(pointer, CURLINFO_RESPONSE_CODE, &status)
        return status
    }

    func set(_ option: CURLoption, _ value: Int) throws(CurlError) {
        try check(zcurl_set_long(pointer, option, value))
    }

    func set(_ option: CURLoption, _ value: String) throws(CurlError) {
        try check(zcurl_set_string(pointer, option, value))
    }

    func check(_ code: CURLcode) throws(CurlError) {
        guard code != CURLE_OK else { return }
        throw .other(isRequestPossiblySent: false, detail: detail(code))
    }

    func setHeaders(_ lines: [String]) throws(CurlError) {
        for line in lines {
            // On failure libcurl leaves the old list as it was, and this class still owns it.
            guard let longer = curl_slist_append(headerList, line) else {
                throw .other(isRequestPossiblySent: false, detail: "libcurl is out of memory")
            }
            headerList = longer
        }
        try check(zcurl_set_headers(pointer, headerList))
    }
}
