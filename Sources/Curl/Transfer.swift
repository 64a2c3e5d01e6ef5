import CLibcurl

/// One transfer in flight: the handle and what its callbacks gather. It lives on the loop thread only.
final class Transfer {
    let id: UInt64
    let easy: EasyHandle
    private let request: TransferRequest
    private let continuation: TransferContinuation

    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private var body: [UInt8] = []
    private var isOverflow = false
    private var isHeaderOverflow = false
    private var refusedAddress: String?
    private(set) var isRequestPossiblySent = false

    private static let headersMax = 128
    private static let headerBytesMax = 64 * 1024

    init(_ waiting: WaitingTransfer, timeoutSeconds: Double) throws(CurlError) {
        id = waiting.id
        request = waiting.request
        continuation = waiting.continuation
        easy = try EasyHandle()
        try easy.configure(request, timeoutSeconds: timeoutSeconds)
        try install(Unmanaged.passUnretained(self).toOpaque())
    }

    func resume(_ result: Result<TransferResponse, CurlError>) {
        continuation.resume(returning: result)
    }

    /// Called by the loop when libcurl is done with the handle.
    func finish(_ code: CURLcode) {
        resume(result(code))
    }

    private func result(_ code: CURLcode) -> Result<TransferResponse, CurlError> {
        let isTruncated = isOverflow && request.overflow == .truncate
        if isHeaderOverflow || (isOverflow && !isTruncated) {
            return .failure(.tooLarge(bytesMax: request.responseBytesMax))
        }
        guard code == CURLE_OK || (isTruncated && code == CURLE_WRITE_ERROR) else { return .failure(error(code)) }
        return .success(
            TransferResponse(status: easy.status, headers: headers, body: body, isTruncated: isTruncated))
    }

    private func error(_ code: CURLcode) -> CurlError {
        let detail = easy.detail(code)
        // A refusal shows as a failed connection, and only counts when no other address was taken instead.
        if !isRequestPossiblySent, let refusedAddress, code != CURLE_OPERATION_TIMEDOUT {
            return .refusedAddress(detail: "\(refusedAddress) is not permitted")
        }
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return .timedOut(isRequestPossiblySent: isRequestPossiblySent)
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST: return .couldNotConnect(detail: detail)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
            CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return .tls(detail: detail)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED: return .badRequest(detail: detail)
        default: return .other(isRequestPossiblySent: isRequestPossiblySent, detail: detail)
        }
    }

    /// Called before a socket is opened, with the very address that would be connected to.
    func permits(_ address: UnsafePointer<curl_sockaddr>) -> Bool {
        guard let egress = request.egress else { return true }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let port = Int(zcurl_numeric_address(address, &text, socklen_t(text.count)))
        let numeric = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if port >= 0, egress(numeric, port) { return true }
        refusedAddress = port >= 0 ? "\(numeric) port \(port)" : "an address that is neither IPv4 nor IPv6"
        return false
    }

    /// Called when a connection stands; false when the rule does not permit its far end.
    func startRequest(numericAddress: String, port: Int) -> Bool {
        if let egress = request.egress, !egress(numericAddress, port) {
            refusedAddress = "\(numericAddress) port \(port)"
            return false
        }
        isRequestPossiblySent = true
        return true
    }

    /// Takes body bytes; false stops the transfer because there are too many.
    func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let room = request.responseBytesMax - body.count
        body.append(contentsOf: bytes.prefix(room))
        if room > 0, let onBody = request.onBody { onBody(Array(bytes.prefix(room))) }
        isOverflow = bytes.count > room
        return !isOverflow
    }

    /// Takes one header line; false stops the transfer because there are too many.
    func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let line = String(decoding: bytes, as: UTF8.self)
        // A new status line begins a new answer: the headers of an interim 1xx answer are not the response's.
        if line.hasPrefix("HTTP/") { headers.removeAll() }
        headerBytes += bytes.count
        guard let colon = line.firstIndex(of: ":") else { return true }
        guard headers.count < Self.headersMax, headerBytes <= Self.headerBytesMax else {
            isHeaderOverflow = true
            return false
        }
        let value = line[line.index(after: colon)...].drop(while: \.isWhitespace)
        let end = value.lastIndex { !$0.isWhitespace }.map { value.index(after: $0) } ?? value.startIndex
        headers.append((line[..<colon].lowercased(), String(value[..<end])))
        return true
    }
}
