import Foundation

/// Takes out of a prompt what an engine would read as a command: customers write prompts, and operators run engines.
enum EnginePrompt {
    /// sd-server reads its own options, as JSON, out of a tag in the prompt.
    private static let options = (open: "<sd_cpp_extra_args>", close: "</sd_cpp_extra_args>")
    /// Tags that name a file for the engine to load: `<lora:name:1>`.
    private static let addOns = ["<lora:", "<lyco:", "<hypernet:"]

    /// The prompt without commands and without space around it; empty when there was nothing else.
    static func cleaned(_ prompt: String, splitsAtBar: Bool) -> String {
        var text = prompt
        // What stands around a tag may be a tag when it is gone. Each round that finds one makes the text shorter.
        while true {
            var shorter = removing(text, from: options.open, to: options.close)
            for mark in [options.open, options.close] {
                shorter = shorter.replacingOccurrences(of: mark, with: " ", options: .caseInsensitive)
            }
            for start in addOns { shorter = removing(shorter, from: start, to: ">") }
            if shorter == text { break }
            text = shorter
        }
        if splitsAtBar { text = text.replacingOccurrences(of: "|", with: ",") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func removing(_ text: String, from open: String, to close: String) -> String {
        var text = text
        while let start = text.range(of: open, options: .caseInsensitive),
            let end = text.range(of: close, options: .caseInsensitive, range: start.upperBound..<text.endIndex)
        {
            text.replaceSubrange(start.lowerBound..<end.upperBound, with: " ")
        }
        return text
    }
}
