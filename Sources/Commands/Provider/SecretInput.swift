import Foundation

/// Reads a secret from standard input, so that it stands in no list of processes and no history of a shell.
enum SecretInput {
    static let charactersMax = 4096

    /// One line; nothing, several lines or odd characters are refused.
    /// - Parameters:
    ///   - what: what is asked for at a terminal, where the answer is not shown.
    ///   - advice: what to do when nothing came.
    static func read(_ what: String, advice: String) throws -> String {
        let text = isatty(STDIN_FILENO) == 1 ? try prompted(what) : try piped()
        let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty else { throw CommandError("no secret came on standard input: \(advice)") }
        guard secret.utf8.count <= charactersMax, secret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw CommandError(
                "the secret on standard input must be one line of at most \(charactersMax) letters, digits and signs, "
                    + "without spaces between")
        }
        return secret
    }

    private static func prompted(_ what: String) throws -> String {
        guard let answer = getpass("\(what): ") else { throw CommandError("the terminal cannot be read") }
        return String(cString: answer)
    }

    /// A little more than is allowed is read, to notice it.
    private static func piped() throws -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while bytes.count <= charactersMax + 2 {
            let count = Foundation.read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
