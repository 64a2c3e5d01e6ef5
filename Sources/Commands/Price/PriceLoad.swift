import ArgumentParser
import Crypto
import Domain
import Foundation
import Ledger

struct PriceLoad: OfficeCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Sets a whole price list from a file, or nothing of it.",
        discussion: """
            The file has the header \(PriceColumn.header)
            and a line per price, with commas and no quotes. An empty size_tier is every size, an empty units_max is 1, and an
            empty until is open-ended. For each model, operation and size the lines must begin in the future, follow each other
            without a gap or an overlap, and end open. What is in force holds until the first line; what the file does not
            name stays as it is.
            """)

    @Argument(help: "The file.", completion: .file(extensions: ["csv"])) var file: String
    @Option(help: "The user group.") var group: String
    @Flag(help: "Change nothing: show what requests of those dates reserve without the list and with it.") var dryRun = false
    @OptionGroup var change: ChangeOptions

    func run(in office: Office) async throws {
        let bytes = try read()
        let rows = try rows(bytes)
        let (group, author) = (group, change.priceAuthor)
        if dryRun { return try await rehearse(rows, in: office) }
        let digest = SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let result = try await refusing {
            try await change.run("price load", target: group, arguments: [digest], in: office) {
                guard let set = try await PriceLists().load(rows, group: group, by: author, in: $0) else {
                    throw unknownGroup(group)
                }
                return .object([
                    ("group", .string(group)), ("prices", .int(Int64(set.count))),
                    ("versions", .array(set.map { .int($0.version) })),
                ])
            }
        }
        change.print(result, "Loaded \(rows.count) prices for the group \(group) from \(file).")
    }

    private func rehearse(_ rows: [PriceRow<Date>], in office: Office) async throws {
        let changes = try await refusing {
            try await PriceLists().rehearse(rows, group: group, by: change.priceAuthor, in: office.pool)
        }
        guard let changes else { throw unknownGroup(group) }
        if change.json {
            return Output.write(
                JSON.object([
                    ("group", .string(group)), ("dry_run", .bool(true)), ("quotes", .array(changes.map(\.json))),
                ]).text)
        }
        var table = Table(
            ("FROM", .left), ("MODEL", .left), ("OPERATION", .left), ("SIZE", .left), ("RESERVED BEFORE", .left),
            ("RESERVED AFTER", .left))
        for change in changes {
            table.add(
                Output.time(change.request.at), change.request.model, change.request.operation.rawValue,
                change.request.tier.rawValue, change.before?.text ?? "no price", change.after?.text ?? "no price")
        }
        Output.write("\(table.text)\nNothing was changed: this was a dry run.")
    }

    /// The file's bytes, up to the limit.
    private func read() throws -> Data {
        guard let handle = FileHandle(forReadingAtPath: file),
            let bytes = try? handle.read(upToCount: Limits.priceSheetBytesMax + 1) ?? Data()
        else { throw CommandError("\(file) cannot be read: is the path right?") }
        guard bytes.count <= Limits.priceSheetBytesMax else {
            throw CommandError("\(file) is larger than \(Limits.priceSheetBytesMax / 1024 / 1024) MiB: split it, by model for example")
        }
        return bytes
    }

    private func rows(_ bytes: Data) throws -> [PriceRow<Date>] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError("\(file) is not UTF-8 text: save it as CSV (UTF-8)")
        }
        do { return try PriceSheet(text: text, moment: parseDate).rows } catch {
            throw refusal(error.problems.map(\.description))
        }
    }

    /// Names the file in the refusal of a list.
    private func refusing<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch let error as PriceListRefusal { throw refusal(error.sentences) }
    }

    /// At most 20 sentences: who has more wrong begins with those.
    private func refusal(_ sentences: [String]) -> CommandError {
        let rest = sentences.count > 20 ? ["and \(sentences.count - 20) more"] : []
        let lines = ["\(file) was not loaded, and nothing was changed:"] + sentences.prefix(20) + rest
        return CommandError(lines.joined(separator: "\n"))
    }
}

extension QuoteChange {
    fileprivate var json: JSON {
        .object([
            ("from", .optional(request.at.map(Output.timeText))), ("model", .string(request.model)),
            ("operation", .string(request.operation.rawValue)), ("size_tier", .string(request.tier.rawValue)),
            ("before", before.map { .object($0.members) } ?? .null), ("after", after.map { .object($0.members) } ?? .null),
        ])
    }
}

extension Quote {
    /// As one cell: what is reserved, and by which price.
    fileprivate var text: String { "\(reserved) (\(group): \(terms.text))" }
}
