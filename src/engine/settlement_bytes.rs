//! A settlement in the engine's binary form.

use super::bytes::{BytesError, Read, Reader, Writer};
use super::command::SettlementStep;
use super::event::{SettlementChange, SettlementFact, SettlementPhase};
use super::ids::SettlementId;
use super::settlement::{Request, Settlement, Told};

const PHASES: [SettlementPhase; 7] = [
    SettlementPhase::Pending,
    SettlementPhase::Consensus,
    SettlementPhase::Reserve,
    SettlementPhase::Execute,
    SettlementPhase::Complete,
    SettlementPhase::Failed,
    SettlementPhase::RolledBack,
];
const STEPS: [SettlementStep; 3] = [SettlementStep::Prepare, SettlementStep::Commit, SettlementStep::Abort];

impl Settlement {
    pub(super) fn write(&self, out: &mut Writer<'_>) {
        out.id(self.id.0);
        out.choice(&PHASES, &self.phase);
        out.raw(&self.hash);
        out.list(&self.participants, |out, participant| {
            out.party(&participant.party);
            out.option(participant.said, Writer::flag);
        });
        out.time(self.started_at);
        out.option(self.ended_at, Writer::time);
        out.option(self.deadline, Writer::time);
        out.u32(self.deadline_number);
        out.option(self.request, |out, request| {
            out.choice(&STEPS, &request.step);
            out.u32(request.attempt);
            out.time(request.due);
        });
        for report in self.reports {
            out.option(report, Writer::flag);
        }
        out.u64(self.gas_used);
        out.list(&self.execution_path, |out, part| out.text(part));
        out.option(self.abort_reason.as_deref(), |out, reason| out.text(reason));
        out.option(self.told.as_ref(), |out, told| {
            out.u64(told.offset);
            out.time(told.at);
            write_fact(out, &told.fact);
        });
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Read<Self> {
        let id = SettlementId(input.id()?);
        let phase = input.choice(&PHASES, "a phase")?;
        let hash = input.array()?;
        let said = input.list(5, |input| Ok((input.party()?, input.option(Reader::flag)?)))?;
        let parties = said.iter().map(|said| said.0.clone()).collect();
        let mut settlement = Self::new(id, hash, parties, input.time()?);
        for (place, (_, agree)) in said.into_iter().enumerate() {
            if let Some(agree) = agree {
                settlement.note(place, agree);
            }
        }
        settlement.phase = phase;
        settlement.ended_at = input.option(Reader::time)?;
        settlement.deadline = input.option(Reader::time)?;
        settlement.deadline_number = input.u32()?;
        settlement.request = input.option(|input| {
            let step = input.choice(&STEPS, "a step")?;
            Ok(Request { step, attempt: input.u32()?.max(1), due: input.time()? })
        })?;
        for report in &mut settlement.reports {
            *report = input.option(Reader::flag)?;
        }
        settlement.gas_used = input.u64()?;
        settlement.execution_path = input.list(4, Reader::text)?;
        settlement.abort_reason = input.option(Reader::text)?;
        settlement.told = input.option(|input| {
            let (offset, at) = (input.u64()?, input.time()?);
            Ok(Told { offset, at, fact: read_fact(input, id)? })
        })?;
        Ok(settlement)
    }
}

fn write_fact(out: &mut Writer<'_>, fact: &SettlementFact) {
    match &fact.change {
        SettlementChange::Started => out.byte(0),
        SettlementChange::Progressed => out.byte(1),
        SettlementChange::Completed { gas_used, execution_path } => {
            out.byte(2);
            out.u64(*gas_used);
            out.list(execution_path, |out, part| out.text(part));
        }
        SettlementChange::RolledBack { reason } => {
            out.byte(3);
            out.text(reason);
        }
        SettlementChange::Failed { reason } => {
            out.byte(4);
            out.text(reason);
        }
        SettlementChange::Affirmed { .. } | SettlementChange::Requested { .. } => {
            unreachable!("only what everybody is told is kept")
        }
    }
    out.choice(&PHASES, &fact.phase);
    out.u32(fact.participants_agreed);
    out.u32(fact.participants_total);
    out.option(fact.estimated_completion, Writer::time);
    out.raw(&fact.hash);
}

fn read_fact(input: &mut Reader<'_>, settlement: SettlementId) -> Read<SettlementFact> {
    let change = match input.byte()? {
        0 => SettlementChange::Started,
        1 => SettlementChange::Progressed,
        2 => SettlementChange::Completed {
            gas_used: input.u64()?,
            execution_path: input.list(4, Reader::text)?,
        },
        3 => SettlementChange::RolledBack { reason: input.text()? },
        4 => SettlementChange::Failed { reason: input.text()? },
        _ => return Err(BytesError::Wrong { what: "a settlement's change" }),
    };
    Ok(SettlementFact {
        settlement,
        change,
        phase: input.choice(&PHASES, "a phase")?,
        participants_agreed: input.u32()?,
        participants_total: input.u32()?,
        estimated_completion: input.option(Reader::time)?,
        hash: input.array()?,
    })
}
