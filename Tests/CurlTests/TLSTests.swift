import Curl
import Foundation
import TestSupport
import Testing

/// Against `openssl s_server` with a certificate that signs itself, valid for 127.0.0.1 alone.
@Suite(.timeLimit(.minutes(5))) struct TLSTests {
    @Test func aCertificateIsTrustedOnlyThroughTheCAFile() async throws {
        let server = try await TLSServer()
        try await withTransfers { transfers in
            let url = "https://127.0.0.1:\(server.port)/"
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(TransferRequest(url: url, egress: nil))
            }
            #expect(error?.label == "tls")
            #expect(error?.isRequestPossiblySent == false)
            let trusted = TransferRequest(url: url, egress: nil, caFile: server.caFile)
            let response = try await transfers.perform(trusted)
            #expect(response.status == 200)
        }
    }

    @Test func aCertificateForAnotherNameIsRefused() async throws {
        let server = try await TLSServer()
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(
                    TransferRequest(
                        url: "https://localhost:\(server.port)/", egress: nil, caFile: server.caFile))
            }
            #expect(error?.label == "tls")
        }
    }

    @Test func plainTextOnATLSPortIsATLSError() async throws {
        let server = try LocalServer { $0.send("HTTP/1.1 200 OK\r\n\r\n") }
        try await withTransfers { transfers in
            let error = await #expect(throws: CurlError.self) {
                try await transfers.perform(
                    TransferRequest(url: "https://127.0.0.1:\(server.port)/", egress: nil))
            }
            #expect(error?.label == "tls")
        }
    }
}

/// The process and the folder with its certificate; both end with the object.
private final class TLSServer {
    let port: Int
    let caFile: String
    private let folder: URL
    private let process: Child

    init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        caFile = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        let maker = try Child(
            "openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
                + ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", caFile])
        guard await maker.ending() == .exited(0) else { throw TestFailure("openssl made no certificate") }
        let (process, lines) = try Child.withLines(
            "openssl", ["s_server", "-www", "-accept", "127.0.0.1:0", "-cert", caFile, "-key", key])
        self.process = process
        // It prints this when it listens, with the port that it was given.
        let sign = "ACCEPT 127.0.0.1:"
        let line = await lines.first { $0.hasPrefix(sign) } ?? ""
        port = Int(line.dropFirst(sign.count).prefix { $0.isNumber }) ?? 0
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }
}
