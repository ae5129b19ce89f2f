//! Supply and demand of one auction as an SVG picture, the crossing marked.
//!
//! Quantity runs to the right, price upwards. This is the only place where prices and quantities become
//! floats: they end as pixels.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use walras::clearing::{Bid, Clearing};
use walras::units::{PriceTicks, QuantityLots};
use walras::wire::auction_json::{Auction, exact_lots};

type Problem = Box<dyn std::error::Error>;
type Point = (f64, f64);

const SIZE_PIXELS: (u32, u32) = (960, 640);
/// Prices at which a supply curve is asked for.
const SUPPLY_POINTS: i64 = 600;
/// The most steps of demand that are drawn; of more, every so many.
const DEMAND_STEPS_MAX: usize = 4000;

const DEMAND_COLOR: RGBColor = RGBColor(31, 90, 166);
const SUPPLY_COLOR: RGBColor = RGBColor(178, 76, 20);
const MARK_COLOR: RGBColor = RGBColor(40, 40, 40);

/// Draws into a file.
pub fn draw(auction: &Auction, clearing: &Clearing, path: &Path) -> Result<(), Problem> {
    let picture = Picture::new(auction, clearing);
    let root = SVGBackend::new(path, SIZE_PIXELS).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(picture.title(), ("sans-serif", 22))
        .margin(18)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..picture.quantity_max, picture.price_min..picture.price_max)?;
    chart
        .configure_mesh()
        .x_desc("quantity")
        .y_desc("price")
        .axis_desc_style(("sans-serif", 17))
        .label_style(("sans-serif", 14))
        .x_label_formatter(&|quantity| label(*quantity, picture.quantity_max))
        .y_label_formatter(&|price| label(*price, picture.price_max - picture.price_min))
        .bold_line_style(BLACK.mix(0.12))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (name, color, points) in
        [("demand", DEMAND_COLOR, picture.demand()), ("supply", SUPPLY_COLOR, picture.supply())]
    {
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(3)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(3)));
    }
    if let Some((point, words)) = picture.crossing() {
        let (quantity, price) = point;
        let guides = [vec![(0.0, price), point], vec![(quantity, picture.price_min), point]];
        for guide in guides {
            chart.draw_series(DashedLineSeries::new(guide, 6, 5, MARK_COLOR.stroke_width(1)))?;
        }
        chart.draw_series([Circle::new(point, 6, MARK_COLOR.filled())])?;
        let is_right = quantity > picture.quantity_max * 0.6;
        let anchor = Pos::new(if is_right { HPos::Right } else { HPos::Left }, VPos::Bottom);
        let style = ("sans-serif", 16).into_font().color(&MARK_COLOR).pos(anchor);
        let aside = if is_right { (-10, -8) } else { (10, -8) };
        let label = EmptyElement::at(point) + Text::new(words, aside, style);
        chart.draw_series([label])?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", 16))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

/// What is to be seen, in the units of the auction.
struct Picture<'a> {
    auction: &'a Auction,
    clearing: &'a Clearing,
    /// Limits and lots of the bids that count, the highest limit first; price takers at the top.
    steps: Vec<(i64, i128)>,
    price_ticks: (i64, i64),
    price_min: f64,
    price_max: f64,
    quantity_max: f64,
}

impl<'a> Picture<'a> {
    fn new(auction: &'a Auction, clearing: &'a Clearing) -> Self {
        let lowest = auction.terms.sale.lowest_price().0;
        let price = clearing.indicative_price;
        let highest = auction.bids.iter().filter_map(|bid| bid.price).map(|price| price.0).max();
        let ceiling = auction.terms.sale.supply.ceiling().map(|ceiling| ceiling.0);
        let top = highest.map_or(lowest, |highest| ceiling.map_or(highest, |ceiling| highest.min(ceiling)));
        let room = ((top - lowest) / 8).max(top / 10).max(1);
        let price_ticks = ((lowest - room).max(0), top.saturating_add(room));
        let mut steps: Vec<(i64, i128)> = auction
            .bids
            .iter()
            .filter(|bid| !clearing.is_killed(bid))
            .map(|bid| (limit(bid, top), bid.want.lots_at(price)))
            .collect();
        steps.sort_unstable_by_key(|step| std::cmp::Reverse(step.0));
        let demand: i128 = steps.iter().map(|step| step.1).sum();
        let most = demand.max(i128::from(clearing.supply.0)).max(1);
        let mut picture =
            Self { auction, clearing, steps, price_ticks, price_min: 0.0, price_max: 0.0, quantity_max: 0.0 };
        picture.price_min = picture.price(price_ticks.0);
        picture.price_max = picture.price(price_ticks.1);
        picture.quantity_max = picture.quantity(most) * 1.12;
        picture
    }

    fn title(&self) -> String {
        match self.clearing.price {
            Some(price) => format!(
                "{} sold at {}",
                self.auction.terms.lot.display(self.clearing.total_allocated.0),
                self.auction.terms.tick.display(price.0)
            ),
            None => "nothing sold".into(),
        }
    }

    fn price(&self, ticks: i64) -> f64 {
        self.auction.terms.tick.display(ticks).parse().unwrap_or(0.0)
    }

    fn quantity(&self, lots: i128) -> f64 {
        exact_lots(lots, self.auction.terms.lot).parse().unwrap_or(0.0)
    }

    /// From the top of the picture down: at each limit a step to the right.
    fn demand(&self) -> Vec<Point> {
        let thinning = self.steps.len().div_ceil(DEMAND_STEPS_MAX).max(1);
        let mut points = vec![(0.0, self.price_max)];
        let mut sum = 0;
        for (index, (ticks, lots)) in self.steps.iter().enumerate() {
            let before = self.quantity(sum);
            sum += lots;
            if index % thinning == 0 || index + 1 == self.steps.len() {
                let price = self.price(*ticks);
                points.extend([(before, price), (self.quantity(sum), price)]);
            }
        }
        points.push((self.quantity(sum), self.price_min));
        points
    }

    /// From the bottom up, as far as it stays in the picture.
    fn supply(&self) -> Vec<Point> {
        let supply = &self.auction.terms.sale.supply;
        let lowest = self.auction.terms.sale.lowest_price().0;
        let (_, last) = self.price_ticks;
        let stride = ((last - lowest) / SUPPLY_POINTS).max(1);
        let mut points: Vec<Point> = Vec::new();
        let mut ticks = lowest;
        while ticks <= last {
            let lots: QuantityLots = supply.at(PriceTicks(ticks)).lots;
            let point = (self.quantity(i128::from(lots.0)).min(self.quantity_max), self.price(ticks));
            if let Some(&(quantity, _)) = points.last()
                && stride == 1
                && quantity != point.0
            {
                // Between two ticks supply does not change: it steps at the tick.
                points.push((quantity, point.1));
            }
            points.push(point);
            ticks = ticks.saturating_add(stride);
        }
        points
    }

    /// Where the sale takes place, and what to write there.
    fn crossing(&self) -> Option<(Point, String)> {
        let price = self.clearing.price?;
        let point = (self.quantity(i128::from(self.clearing.total_allocated.0)), self.price(price.0));
        Some((point, format!("clearing price {}", self.auction.terms.tick.display(price.0))))
    }
}

fn limit(bid: &Bid, top: i64) -> i64 {
    bid.price.map_or(top, |price| price.0.min(top))
}

/// A number on an axis that spans `span`: as many fractional digits as tell neighbours apart.
fn label(number: f64, span: f64) -> String {
    let digits = (2.0 - span.abs().max(f64::MIN_POSITIVE).log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}
