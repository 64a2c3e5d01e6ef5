import CLibcurl

extension Transfer {
    /// Registers the C callbacks. `context` is this object, unretained: the loop keeps it until the handle is
    /// out of libcurl's hands.
    func install(_ context: UnsafeMutableRawPointer) throws(CurlError) {
        let handle = easy.pointer
        try easy.check(zcurl_on_body(handle, bodyCallback, context))
        try easy.check(zcurl_on_header(handle, headerCallback, context))
        try easy.check(zcurl_on_open_socket(handle, openSocketCallback, context))
        try easy.check(zcurl_on_before_request(handle, beforeRequestCallback, context))
    }
}

private func transfer(_ context: UnsafeMutableRawPointer) -> Transfer {
    Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}

private let bodyCallback: @Sendable @convention(c) (
    UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?
) -> Int = { bytes, size, count, context in
    guard let context else { return 0 }
    let total = size * count
    // Fewer bytes than offered tell libcurl to stop; it asks for nothing when the body is empty.
    return transfer(context).take(UnsafeRawBufferPointer(start: bytes, count: total)) ? total : total - 1
}

private let headerCallback: @Sendable @convention(c) (
    UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?
) -> Int = { bytes, size, count, context in
    guard let context else { return 0 }
    let total = size * count
    return transfer(context).takeHeader(UnsafeRawBufferPointer(start: bytes, count: total)) ? total : 0
}

private let openSocketCallback: @Sendable @convention(c) (
    UnsafeMutableRawPointer?, curlsocktype, UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t = { context, purpose, address in
    guard let context, let address, purpose == CURLSOCKTYPE_IPCXN, transfer(context).permits(address) else {
        return zcurl_no_socket()
    }
    return zcurl_open_socket(address)
}

private let beforeRequestCallback: @Sendable @convention(c) (
    UnsafeMutableRawPointer?, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?, Int32, Int32
) -> Int32 = { context, remoteAddress, _, remotePort, _ in
    guard let context, let remoteAddress,
        transfer(context).startRequest(numericAddress: String(cString: remoteAddress), port: Int(remotePort))
    else { return CURL_PREREQFUNC_ABORT }
    return CURL_PREREQFUNC_OK
}
