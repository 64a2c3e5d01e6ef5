import Configuration
import Domain
import Foundation
import Logging
import SystemPackage

/// The settings as plain values, read once. This folder is the only place that looks at the environment.
struct Settings: Sendable {
    let databaseURL: String?
    let databaseConnections: Int
    let databaseWaitSeconds: Int
    /// Absolute.
    let dataFolder: String
    let migrationsFolder: String
    let secretHex: String?
    let host: String
    let port: Int
    let publicURL: String
    /// Where others than this machine reach the service, as the operator has said; nil: nobody has.
    let namedURL: String?
    let node: String
    let workers: Int
    let leaseSeconds: Int
    let graceSeconds: Int
    let imageWaitSeconds: Int
    let sandboxSeconds: Double
    let sandboxFailurePercent: Int
    let egress: EgressRule
    let egressCAFile: String?
    let trustedProxies: AddressList
    let creditValue: CreditValue
    let moderation: ModerationSettings
    let logLevel: Logger.Level
    /// Nil in normal operation.
    let crashPoints: CrashPoints?
    /// Each setting with its present value, for `zserve config`.
    let present: [(setting: Setting, value: String)]

    /// Reads the environment and the file that it names.
    static func read() async throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        for name in environment.keys.sorted() where name.hasPrefix("ZIMAGE_") {
            guard Setting.all.contains(where: { $0.name == name }) else { throw SettingError.unknown(name) }
        }
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(environmentVariables: environment)]
        if let file = environment[Setting.config.name], !file.isEmpty {
            try checkNames(inFile: file)
            providers.append(try await EnvironmentVariablesProvider(environmentFilePath: FilePath(file)))
        }
        return try Settings(ConfigReader(providers: providers))
    }

    private static func checkNames(inFile path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingError(description: "ZIMAGE_CONFIG names the file \(path), which cannot be read")
        }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let name = line.prefix { $0 != "=" }.trimmingCharacters(in: .whitespaces)
            guard name.hasPrefix("ZIMAGE_") else { continue }
            guard Setting.all.contains(where: { $0.name == name }) else { throw SettingError.unknown(name) }
        }
    }

    /// Turns texts into values; a faulty one names the setting and what it should be.
    init(_ reader: ConfigReader) throws {
        func text(_ setting: Setting) -> String {
            let value = reader.string(forKey: setting.key, isSecret: setting.isSecret) ?? ""
            return value.isEmpty ? setting.fallback : value
        }
        func optional(_ setting: Setting) -> String? {
            let value = text(setting)
            return value.isEmpty ? nil : value
        }
        func whole(_ setting: Setting, _ range: ClosedRange<Int>) throws -> Int {
            guard let value = Int(text(setting)), range.contains(value) else {
                throw SettingError(
                    description: "\(setting.name) is '\(text(setting))': "
                        + "give a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }

        present = Setting.all.map { ($0, text($0)) }
        databaseURL = optional(.databaseURL)
        databaseConnections = try whole(.databaseConnections, 3...200)
        databaseWaitSeconds = try whole(.databaseWaitSeconds, 0...3600)
        let folder = FileManager.default.currentDirectoryPath
        dataFolder = URL(fileURLWithPath: text(.data), relativeTo: URL(fileURLWithPath: folder)).standardizedFileURL.path
        migrationsFolder = optional(.migrations) ?? Self.migrationsBesideProgram()
        secretHex = optional(.secret)
        host = text(.host)
        port = try whole(.port, 1...65535)
        namedURL = optional(.publicURL).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        publicURL = namedURL ?? "http://\(host):\(port)"
        node = optional(.node) ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
        workers = try whole(.workers, 1...1000)
        leaseSeconds = try whole(.leaseSeconds, 3...600)
        graceSeconds = try whole(.graceSeconds, 0...3600)
        imageWaitSeconds = try whole(.imageWaitSeconds, 1...3600)
        guard let seconds = Double(text(.sandboxSeconds)), (0...3600).contains(seconds) else {
            throw SettingError(description: "ZIMAGE_SANDBOX_SECONDS must be a number from 0 to 3600")
        }
        sandboxSeconds = seconds
        sandboxFailurePercent = try whole(.sandboxFailurePercent, 0...100)
        do { egress = EgressRule(allowances: try EgressAllowance.parse(text(.egressAllow))) } catch {
            throw SettingError(description: "ZIMAGE_EGRESS_ALLOW: \(error)")
        }
        egressCAFile = optional(.egressCA)
        do { trustedProxies = try AddressList(text(.trustedProxies)) } catch {
            throw SettingError(description: "ZIMAGE_TRUSTED_PROXIES: \(error)")
        }
        creditValue = try Self.creditValue(text(.creditValue), currency: text(.currency))
        moderation = try ModerationSettings { optional($0) ?? "" }
        guard let level = Logger.Level(rawValue: text(.logLevel)) else {
            throw SettingError(description: "ZIMAGE_LOG_LEVEL must be trace, debug, info, notice, warning, error or critical")
        }
        logLevel = level
        do { crashPoints = try optional(.crashAt).map { CrashPoints(try CrashPlan($0, points: CrashPoints.all)) } } catch {
            throw SettingError(description: "ZIMAGE_CRASH_AT: \(error)")
        }
    }

    private static func creditValue(_ decimal: String, currency: String) throws -> CreditValue {
        guard let amount = try? Credits(decimal: decimal) else {
            throw SettingError(
                description: "ZIMAGE_CREDIT_VALUE is '\(decimal)': give a decimal with at most 6 decimals, such as 0.01")
        }
        guard currency.wholeMatch(of: /[A-Z]{3}/) != nil else {
            throw SettingError(description: "ZIMAGE_CURRENCY is '\(currency)': give three capital letters, such as USD")
        }
        return CreditValue(micro: amount.micro, currency: currency)
    }

    /// The folder `Migrations` above the program (as in a checkout) or above the current folder.
    private static func migrationsBesideProgram() -> String {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for start in [program, FileManager.default.currentDirectoryPath + "/."] {
            var folder = URL(fileURLWithPath: start).deletingLastPathComponent()
            while folder.path != "/" {
                let candidate = folder.appendingPathComponent("Migrations").path
                if FileManager.default.fileExists(atPath: "\(candidate)/0001_roles_groups_prices.sql") { return candidate }
                folder = folder.deletingLastPathComponent()
            }
        }
        return "Migrations"
    }
}
