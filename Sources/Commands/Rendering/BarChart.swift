/// Horizontal bars in a terminal; the longest stands for the largest value.
enum BarChart {
    struct Bar {
        let label: String
        /// 0 or more.
        let value: Int64
        /// What stands behind the bar.
        let text: String
    }

    /// A year of days; more would scroll by unread.
    static let barsMax = 366
    private static let widthMax = 40
    /// Eighths of a character.
    private static let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

    static func text(_ bars: [Bar]) -> String {
        let largest = bars.map(\.value).max() ?? 0
        let labelWidth = bars.map(\.label.count).max() ?? 0
        return bars.map { bar in
            // The least value that there is shows: a day with usage does not look like one without.
            let length = largest == 0 ? 0 : Int((Double(bar.value) / Double(largest) * Double(widthMax * 8)).rounded(.up))
            let line = String(repeating: "█", count: length / 8) + eighths[length % 8]
            let space = String(repeating: " ", count: labelWidth - bar.label.count)
            return bar.label + space + "  " + line + (line.isEmpty ? "" : " ") + bar.text
        }.joined(separator: "\n")
    }
}
