import Domain

/// Turns the lines of an invoice into lines for COPY into `invoice_lines`.
struct InvoiceLines {
    /// An id as long as any provider's; longer ones are a wrong column.
    private static let idBytesMax = 512

    /// With the columns that were found.
    let format: InvoiceFormat
    private let id, amount: Int
    private let currency, time, status: Int?
    private let billedStatuses: Set<ArraySlice<UInt8>>
    private var clock: InvoiceClock

    /// Finds the columns by the first line.
    init(_ header: CSVRecord, _ format: InvoiceFormat) throws(InvoiceError) {
        let columns = InvoiceHeader(header.fields.map { String(decoding: trimmed(Array($0.utf8)[...]), as: UTF8.self) })
        id = try columns.required("id", format.idColumn)
        amount = try columns.required("amount", format.amountColumn)
        currency =
            try format.currency == nil && format.currencyColumn != .none
            ? columns.required("currency", format.currencyColumn) : columns.optional("currency", format.currencyColumn)
        time = try columns.optional("time", format.timeColumn)
        status = try columns.optional("status", format.statusColumn)
        billedStatuses = Set(format.billedStatuses.map { Array($0.utf8)[...] })
        clock = InvoiceClock(timeZone: format.timeZone)
        var found = format
        (found.idColumn, found.amountColumn) = (columns.column(id), columns.column(amount))
        (found.currencyColumn, found.timeColumn) = (columns.column(currency), columns.column(time))
        self.format = found
    }

    /// Appends a line as `line`, `id`, `amount`, `currency`, `at`, unless it is one that says that nothing is billed.
    /// - Returns: whether it was appended.
    mutating func append(_ record: CSVRecord, to output: inout [UInt8]) throws(InvoiceError) -> Bool {
        let micro = try amount(record)
        if let status, micro == 0, !billedStatuses.contains(trimmed(record.bytes(status))) { return false }
        let currency = try currency(record)
        let seconds = try seconds(record)
        output += String(record.line).utf8
        output.append(UInt8(ascii: "\t"))
        try appendID(record, to: &output)
        output.append(UInt8(ascii: "\t"))
        output += String(micro).utf8
        output.append(UInt8(ascii: "\t"))
        output += currency
        output.append(UInt8(ascii: "\t"))
        output += seconds.map { String($0) }?.utf8 ?? #"\N"#.utf8
        output.append(UInt8(ascii: "\n"))
        return true
    }

    /// A line without an id is a fee, or nothing that we know: a NULL matches nothing.
    private func appendID(_ record: CSVRecord, to output: inout [UInt8]) throws(InvoiceError) {
        let bytes = trimmed(record.bytes(id))
        guard bytes.count <= Self.idBytesMax else {
            let advice = "is longer than \(Self.idBytesMax) bytes: name the column of the ids with --map id=COLUMN"
            throw refusal(record, format.idColumn, id, advice)
        }
        if bytes.isEmpty { output += #"\N"#.utf8 }
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\\"): output += #"\\"#.utf8
            case UInt8(ascii: "\n"): output += #"\n"#.utf8
            case UInt8(ascii: "\r"): output += #"\r"#.utf8
            case UInt8(ascii: "\t"): output += #"\t"#.utf8
            default: output.append(byte)
            }
        }
    }

    private func amount(_ record: CSVRecord) throws(InvoiceError) -> Int64 {
        do throws(InvoiceAmount.Refusal) {
            return try InvoiceAmount.micro(trimmed(record.bytes(amount)), units: format.unitsPerCurrency)
        } catch {
            let advice =
                switch error {
                case .notANumber: "is not an amount: write digits with a point, such as 0.0042"
                case .tooLarge:
                    "is more than 1000000 of a currency for one line: look whether --units and --map amount= are right"
                case .notWhole:
                    "is not a whole number of 1/\(format.unitsPerCurrency) of the currency: if it is an amount of the currency, "
                        + "say --units 1"
                }
            throw refusal(record, format.amountColumn, amount, advice)
        }
    }

    private func currency(_ record: CSVRecord) throws(InvoiceError) -> ArraySlice<UInt8> {
        guard let currency else { return Array((format.currency ?? "").utf8)[...] }
        // OpenAI writes `usd`.
        let letters = trimmed(record.bytes(currency)).map { (97...122).contains($0) ? $0 - 32 : $0 }
        guard letters.count == 3, letters.allSatisfy({ (65...90).contains($0) }) else {
            throw refusal(record, format.currencyColumn, currency, "is not a currency: write three letters, such as USD")
        }
        return letters[...]
    }

    private mutating func seconds(_ record: CSVRecord) throws(InvoiceError) -> Int? {
        guard let time else { return nil }
        guard let seconds = clock.seconds(trimmed(record.bytes(time))) else {
            throw refusal(
                record, format.timeColumn, time,
                "is not a time: write 2026-11-03T15:00:00Z, 2026-11-03 15:00:00 in --time-zone, or seconds since 1970")
        }
        return seconds
    }

    private func refusal(_ record: CSVRecord, _ column: InvoiceColumn, _ index: Int, _ advice: String) -> InvoiceError {
        .badValue(line: record.line, column: column.name ?? "", value: record[index], advice: advice)
    }
}

/// Without the spaces around it.
private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let start = bytes.drop(while: isSpace)
    return start.prefix((start.lastIndex { !isSpace($0) } ?? start.startIndex - 1) + 1 - start.startIndex)
}
