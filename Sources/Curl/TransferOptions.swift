import CLibcurl

extension EasyHandle {
    /// Sets every option of a request. Called once, on a fresh handle.
    func configure(_ request: TransferRequest, timeoutSeconds: Double) throws(CurlError) {
        try set(CURLOPT_URL, request.url)
        try setNarrowing()
        try setConnectionUse(request)
        try setMethod(request)
        try set(CURLOPT_TIMEOUT_MS, milliseconds(timeoutSeconds))
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(min(request.connectTimeoutSeconds, timeoutSeconds)))
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let caFile = request.caFile { try set(CURLOPT_CAINFO, caFile) }
    }

    /// Takes away what libcurl could do besides one request to one address.
    private func setNarrowing() throws(CurlError) {
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_FOLLOWLOCATION, 0)
        // An empty proxy switches off the environment's proxies as well: behind a proxy, the address that is
        // connected to would be the proxy's and the egress rule would judge the wrong one.
        try set(CURLOPT_PROXY, "")
        try set(CURLOPT_NOPROXY, "*")
        try set(CURLOPT_NETRC, 0)
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        // Signals are the process's own; with many threads libcurl must not install handlers.
        try set(CURLOPT_NOSIGNAL, 1)
        // Without this a name server that does not answer stops the whole loop: libcurl would wait for its
        // resolver thread when the transfer times out. The thread then ends by itself and frees its memory.
        try set(CURLOPT_QUICK_EXIT, 1)
        // One connection carries one request at a time, so it stays clear which requests a broken one took.
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    }

    /// Decides which transfers may share a connection.
    private func setConnectionUse(_ request: TransferRequest) throws(CurlError) {
        // libcurl silently sends a request again when a kept connection turns out to be dead. A POST must not
        // be made twice, so only methods that may be repeated use a kept connection.
        let isRepeatable = request.method == "GET" || request.method == "HEAD"
        // A kept connection was judged under another request's rule (or none), so a request with a rule opens
        // its own and leaves none behind.
        try set(CURLOPT_FRESH_CONNECT, isRepeatable && request.egress == nil ? 0 : 1)
        try set(CURLOPT_FORBID_REUSE, request.egress == nil ? 0 : 1)
    }

    private func setMethod(_ request: TransferRequest) throws(CurlError) {
        if request.method == "HEAD" {
            try set(CURLOPT_NOBODY, 1)
        } else {
            if request.body != nil || request.method == "POST" {
                let body = request.body ?? []
                let code = body.withUnsafeBytes { bytes in
                    // An empty buffer may have no address, which libcurl would read as "no body yet".
                    bytes.baseAddress.map { zcurl_copy_body(pointer, $0, curl_off_t(bytes.count)) }
                        ?? zcurl_copy_body(pointer, "", 0)
                }
                try check(code)
            }
            try set(CURLOPT_CUSTOMREQUEST, request.method)
        }
        let names = Set(request.headers.map { $0.name.lowercased() })
        // A header line with a semicolon is libcurl's way to say an empty value; a bare colon removes one.
        var lines = request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        if !names.contains("content-type") { lines.append("Content-Type:") }
        // Waiting for "100 Continue" costs a second at servers that do not know it.
        if !names.contains("expect") { lines.append("Expect:") }
        try setHeaders(lines)
    }

    private func milliseconds(_ seconds: Double) -> Int {
        max(1, Int((seconds * 1000).rounded()))
    }
}
