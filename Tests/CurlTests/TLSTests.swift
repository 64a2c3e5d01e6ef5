import Curl
import Foundation
import Glibc
import Testing

/// Against `openssl s_server` with a certificate that signs itself, valid for 127.0.0.1 alone.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    @Test func aCertificateIsTrustedOnlyThroughTheCAFile() async throws {
        let server = try TLSServer()
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
        let server = try TLSServer()
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
    private let process = Process()

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        caFile = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        let maker = Process()
        maker.executableURL = URL(filePath: "/usr/bin/env")
        maker.arguments =
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "1", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
            + ["-keyout", key, "-out", caFile]
        maker.standardError = FileHandle.nullDevice
        try maker.run()
        maker.waitUntilExit()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", caFile, "-key", key]
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // It prints "ACCEPT 127.0.0.1:PORT" when it listens.
        var text = ""
        while !text.contains("ACCEPT 127.0.0.1:") || !text.hasSuffix("\n") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw POSIXError(.EPIPE) }
            text += String(decoding: more, as: UTF8.self)
        }
        let digits = text.split(separator: "ACCEPT 127.0.0.1:").last.map { $0.prefix { $0.isNumber } }
        port = digits.flatMap { Int($0) } ?? 0
    }

    deinit {
        // A child inherits the blocked signals of the thread that starts it, so an ordinary terminate is lost.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }
}
