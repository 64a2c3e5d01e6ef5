/// One line of a CSV file, as RFC 4180 has it except that lines end as Unix programs expect.
public enum CSVLine {
    /// The fields with commas between them, without the line's end. A field that holds a comma, a quote or a line break is
    /// put in quotes, and its quotes are doubled.
    public static func text(_ fields: [String]) -> String {
        fields.map { field in
            // By bytes: to Swift, a carriage return and a line feed are one character.
            guard field.utf8.contains(where: #",""#.utf8.contains) || field.utf8.contains(where: { $0 == 10 || $0 == 13 })
            else { return field }
            return "\"" + field.replacing("\"", with: "\"\"") + "\""
        }.joined(separator: ",")
    }
}
