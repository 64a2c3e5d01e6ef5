import Foundation
import Keys

/// The installation's secret: from the settings, or from the file `secret` in the data folder, made at first use.
enum SecretFile {
    static func load(_ settings: Settings) throws -> ServiceSecret {
        if let hex = settings.secretHex {
            guard let secret = ServiceSecret(hex: hex) else {
                throw SettingError(description: "ZIMAGE_SECRET must be 64 hexadecimal digits: make one with `openssl rand -hex 32`")
            }
            return secret
        }
        let path = "\(settings.dataFolder)/secret"
        if let secret = try read(path) { return secret }
        try FileManager.default.createDirectory(atPath: settings.dataFolder, withIntermediateDirectories: true)
        settings.crashPoints?.reached("before secret_file")
        try make(path)
        settings.crashPoints?.reached("after secret_file")
        guard let secret = try read(path) else { throw SettingError(description: "cannot read \(path)") }
        return secret
    }

    private static func read(_ path: String) throws -> ServiceSecret? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let hex = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let secret = ServiceSecret(hex: hex) else {
            throw SettingError(description: "\(path) must hold 64 hexadecimal digits: restore it from a backup")
        }
        return secret
    }

    /// A link makes the whole file appear at once, and only if no other process was faster.
    private static func make(_ path: String) throws {
        let draft = "\(path).\(ProcessInfo.processInfo.processIdentifier)"
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SettingError(description: "cannot write \(draft): check ZIMAGE_DATA") }
        let text = Array((ServiceSecret.makeHex() + "\n").utf8)
        let written = write(file, text, text.count) == text.count && fsync(file) == 0
        close(file)
        defer { unlink(draft) }
        guard written, link(draft, path) == 0 || errno == EEXIST else {
            throw SettingError(description: "cannot write \(path): check ZIMAGE_DATA and the free space of its disk")
        }
    }
}
