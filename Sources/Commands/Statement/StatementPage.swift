import Domain
import Foundation
import Ledger
import Mustache

/// A statement as a page to print on A4. Nothing in it comes from elsewhere, and every text is escaped by the template.
struct StatementPage {
    private let template: MustacheTemplate

    init() throws { template = try MustacheTemplate(string: Self.source) }

    func render(_ statement: MonthlyStatement) -> String {
        func cells(_ title: String, _ count: String, _ values: [String]) -> [String: String] {
            ["title": title, "count": count, "available": values[0], "reserved": values[1], "balance": values[2]]
        }
        func day(_ date: Date) -> String { String(Output.time(date).prefix(10)) }
        func values(_ balance: StatementBalance, _ text: (Credits) -> String) -> [String] {
            [balance.available, balance.reserved, balance.total].map(text)
        }
        let context: [String: Any] = [
            "month": statement.month.title, "account": statement.account, "group": statement.group,
            "isTest": statement.mode == .test, "isFinal": statement.isFinal, "madeAt": Output.time(statement.madeAt),
            "from": day(statement.month.from), "last": day(statement.month.to - 1),
            "opening": cells("Opening balance", "", values(statement.opening, \.description)),
            "closing": cells(statement.closingTitle, "", values(statement.closing, \.description)),
            "movements": statement.movements.map { movement in
                cells(
                    StatementWords.title(movement.kind), String(movement.count),
                    values(movement.change, StatementWords.signed))
            },
            "hasUses": !statement.uses.isEmpty,
            "uses": statement.uses.map { use in
                ["day": use.day, "model": use.model, "count": String(use.count), "credits": use.settled.description]
            },
            "useCount": String(statement.useCount), "useTotal": statement.useTotal.description,
        ]
        return template.render(context)
    }

    private static let source = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>Statement {{month}}, {{account}}</title>
        <style>
        @page { size: A4; margin: 18mm 16mm 20mm; @bottom-right { content: counter(page) " / " counter(pages);
          font: 9pt Helvetica, Arial, sans-serif; color: #57606a; } }
        * { box-sizing: border-box; }
        body { font: 10.5pt/1.45 "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif; color: #1b1f24; margin: 0; }
        main { max-width: 178mm; margin: 0 auto; }
        header { display: flex; justify-content: space-between; align-items: flex-end; border-bottom: 2pt solid #1b1f24;
          padding-bottom: 4mm; }
        h1 { font-size: 20pt; line-height: 1.1; margin: 0; }
        h2 { font-size: 12pt; margin: 9mm 0 2mm; break-after: avoid; }
        .month { font-size: 13pt; color: #57606a; }
        dl { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: 1mm 5mm; margin: 5mm 0 0; }
        dt { color: #57606a; }
        dd { margin: 0; overflow-wrap: anywhere; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 1.4mm 2mm; text-align: right; border-bottom: 0.4pt solid #d0d7de; vertical-align: top; }
        th { color: #57606a; font-weight: 600; font-size: 9pt; border-bottom: 1pt solid #1b1f24; }
        th.text, td.text { text-align: left; overflow-wrap: anywhere; }
        thead { display: table-header-group; }
        tr { break-inside: avoid; }
        tr.balance td { font-weight: 600; background: #f3f5f7; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
        tfoot { display: table-row-group; }
        tfoot td { font-weight: 600; border-top: 1pt solid #1b1f24; border-bottom: 0; }
        .note { color: #57606a; font-size: 9pt; margin-top: 8mm; }
        .mark { border: 0.8pt solid #9a6700; color: #9a6700; padding: 0.3mm 1.6mm; border-radius: 1mm; font-size: 9pt; }
        @media screen { body { background: #eceff2; } main { background: #fff; max-width: 210mm; min-height: 297mm;
          margin: 8mm auto; padding: 18mm 16mm; box-shadow: 0 1mm 4mm rgba(0, 0, 0, 0.15); } }
        </style>
        </head>
        <body>
        <main>
        <header><h1>Statement</h1><div class="month">{{month}}</div></header>
        <dl>
        <dt>Account</dt><dd>{{account}}</dd><dt>Period</dt><dd>{{from}} to {{last}}, UTC</dd>
        <dt>Group</dt><dd>{{group}}</dd><dt>Made</dt><dd>{{madeAt}}</dd>
        <dt>Credits</dt><dd>{{#isTest}}<span class="mark">test credits</span>{{/isTest}}{{^isTest}}live{{/isTest}}</dd>
        <dt>State</dt><dd>{{#isFinal}}final{{/isFinal}}{{^isFinal}}<span class="mark">the month is not over</span>{{/isFinal}}</dd>
        </dl>
        <h2>Balance</h2>
        <table>
        <thead><tr><th class="text"></th><th>Count</th><th>Available</th><th>Set aside</th><th>Balance</th></tr></thead>
        <tbody>
        {{#opening}}<tr class="balance"><td class="text">{{title}}</td><td></td><td>{{available}}</td>\
        <td>{{reserved}}</td><td>{{balance}}</td></tr>{{/opening}}
        {{#movements}}<tr><td class="text">{{title}}</td><td>{{count}}</td><td>{{available}}</td><td>{{reserved}}</td>\
        <td>{{balance}}</td></tr>
        {{/movements}}
        {{#closing}}<tr class="balance"><td class="text">{{title}}</td><td></td><td>{{available}}</td>\
        <td>{{reserved}}</td><td>{{balance}}</td></tr>{{/closing}}
        </tbody>
        </table>
        <h2>Completed jobs by day and model</h2>
        {{^hasUses}}<p>None in this period.</p>{{/hasUses}}
        {{#hasUses}}<table>
        <thead><tr><th class="text">Day</th><th class="text">Model</th><th>Jobs</th><th>Credits</th></tr></thead>
        <tbody>
        {{#uses}}<tr><td class="text">{{day}}</td><td class="text">{{model}}</td><td>{{count}}</td><td>{{credits}}</td></tr>
        {{/uses}}
        </tbody>
        <tfoot><tr><td class="text">Total</td><td></td><td>{{useCount}}</td><td>{{useTotal}}</td></tr></tfoot>
        </table>{{/hasUses}}
        <p class="note">All amounts are credits, exact to the millionth. Days begin and end at midnight UTC. The balance is what
        is available and what is set aside for jobs that are not finished; failed and cancelled jobs cost nothing.</p>
        </main>
        </body>
        </html>
        """
}
